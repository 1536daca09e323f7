// What each client throws for an answer with errors, and where it has our code: without a key, and with one.
import {CombinedGraphQLErrors} from '@apollo/client'
import {fetchQuery} from 'relay-runtime'
import {connect as apollo} from './apollo/client.js'
import {Customers} from './documents.js'
import ShopQuery from './generated/relay/ShopQuery.graphql.js'
import {connect as relay} from './relay/environment.js'
import {connect as urql} from './urql/client.js'

const [url, key] = process.argv.slice(2) as [string, string]
const variables = {first: 1, orders: 1}

async function askApollo(key?: string) {
  const {error} = await apollo(url, {key, byId: true}).query({query: Customers, variables})
  if (error && !CombinedGraphQLErrors.is(error)) throw error
  return error ? error.errors[0]!.extensions!.code : 'OK'
}

async function askUrql(key?: string) {
  const {error} = await urql(url, {key, byId: true}).query(Customers, variables).toPromise()
  return error ? error.graphQLErrors[0]!.extensions.code : 'OK'
}

async function askRelay(key?: string) {
  try {
    await fetchQuery(relay(url, {key}), ShopQuery, {}).toPromise()
    return 'OK'
  } catch (error: any) {
    return error.source.errors[0].extensions.code
  }
}

console.log(
  JSON.stringify({
    apollo: [await askApollo(), await askApollo(key)],
    urql: [await askUrql(), await askUrql(key)],
    relay: [await askRelay(), await askRelay(key)],
  }),
)
