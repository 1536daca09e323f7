// Polls a customer's newest orders with Apollo Client, until one that somebody else creates is shown.
import {type ApolloClient, CombinedGraphQLErrors} from '@apollo/client'
import {connect} from './apollo/client.js'
import {CustomerNodes, OrderNodes, PlaceOrder} from './documents.js'

/** Polls the first page, without the cache: there it would replace the pages that are merged. */
function poll(client: ApolloClient, id: string, pollInterval: number, show: (ids: string[]) => void) {
  const list = client.watchQuery({
    query: OrderNodes,
    variables: {id, first: 2},
    fetchPolicy: 'no-cache',
    pollInterval,
  })
  return list.subscribe(({data, error}) => {
    if (data?.customer) show(data.customer.orders!.nodes!.map(order => order!.id!))
    const wait = CombinedGraphQLErrors.is(error) && Number(error.errors[0]!.extensions?.retryAfterMs)
    if (!wait) return
    list.stopPolling()
    setTimeout(() => list.startPolling(pollInterval), wait)
  })
}

const [url, reference] = process.argv.slice(2) as [string, string]
const client = connect(url)
const {data} = await client.query({query: CustomerNodes, variables: {first: 1, orders: 1}})
const {id} = data!.customers!.nodes[0]!

const pages: string[] = []
await new Promise<void>(resolve => {
  const polling = poll(client, id, 50, ids => {
    pages.push(ids[0]!)
    if (pages.length === 1) {
      const input = {customerId: id, reference, total: {amount: '1', currency: 'EUR'}}
      void connect(url).mutate({mutation: PlaceOrder, variables: {input}})
    }
    if (ids[0] === pages[0]) return
    polling.unsubscribe()
    resolve()
  })
})
console.log(JSON.stringify({newest: pages.at(-1)}))
client.stop()
