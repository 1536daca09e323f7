// Composes our SDL (a file) with the second subgraph by both composers, and prints their errors as JSON.
import {readFileSync} from 'node:fs'
import {composeServices} from '@apollo/composition'
import {composeServices as composeByGuild} from '@theguild/federation-composition'
import {parse} from 'graphql'
import {typeDefs} from './reviews.js'

const services = [
  {name: 'tidegraph', url: 'http://127.0.0.1/graphql', typeDefs: parse(readFileSync(process.argv[2], 'utf8'))},
  {name: 'reviews', url: 'http://127.0.0.1/reviews', typeDefs: parse(typeDefs)},
]
const errors = result => (result.errors ?? []).map(({message}) => message)
const [apollo, guild] = [composeServices(services), composeByGuild(services)]
console.log(JSON.stringify({
  apollo: {errors: errors(apollo), isComposed: Boolean(apollo.supergraphSdl)},
  guild: {errors: errors(guild), isComposed: Boolean(guild.supergraphSdl)},
}))
