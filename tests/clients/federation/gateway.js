// Queries our server (its address, then ids of orders) and the second subgraph through Apollo's gateway.
import {ApolloGateway, IntrospectAndCompose} from '@apollo/gateway'
import {parse} from 'graphql'
import {serveReviews} from './reviews.js'

const [address, ...orderIds] = process.argv.slice(2)
const reviews = await serveReviews(orderIds)
const url = `http://127.0.0.1:${reviews.address().port}`
const logger = {debug() {}, info() {}, warn() {}, error: console.error}
const gateway = new ApolloGateway({
  supergraphSdl: new IntrospectAndCompose({
    subgraphs: [{name: 'tidegraph', url: address}, {name: 'reviews', url}],
  }),
  logger,
})
const {executor} = await gateway.load()

async function query(text, variables = {}) {
  const cache = {get: async () => undefined, set: async () => undefined}
  const request = {query: text, variables, http: {headers: new Map()}}
  const {data, errors} = await executor({
    document: parse(text), request, queryHash: text, operationName: null, cache, context: {}, logger,
    schema: gateway.schema, metrics: {}, source: text, overallCachePolicy: {},
  })
  return {data, errors}
}

// From the other subgraph to ours, and from ours to the other one.
const fromReviews = await query('{ reviews { nodes { stars order { id reference customer { username } } } } }')
const fromOrders = await query(`query ($first: Int!) {
  orders(first: $first, orderBy: {field: PLACED_AT}) {
    nodes { reference reviews { nodes { stars } pageInfo { hasNextPage } } customer { username reviewsCount } }
    pageInfo { hasNextPage }
  }
}`, {first: 2})
await gateway.stop()
reviews.close()
console.log(JSON.stringify({fromReviews, fromOrders}))
