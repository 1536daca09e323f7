// A shop's screen with Apollo Client: all customers and orders page by page, then a new order in its list.
import {connect} from './client.js'
import {CreateOrder, Customers, OrdersOfCustomer, TransitionOrder} from '../documents.js'

const [url, reference, key] = process.argv.slice(2) as [string, string, string?]
// The server that wants a key takes nothing but documents by their ids.
const client = connect(url, {key, byId: Boolean(key)})
const PAGE = 2

const variables = {first: PAGE, orders: PAGE}
await client.query({query: Customers, variables})
const shown = () => client.readQuery({query: Customers, variables})!.customers!
const list = client.watchQuery({query: Customers, variables})
while (shown().pageInfo.hasNextPage) {
  await list.fetchMore({variables: {after: shown().pageInfo.endCursor}})
}
for (const {node} of shown().edges) {
  const orders = client.watchQuery({query: OrdersOfCustomer, variables: {id: node.id, first: PAGE}})
  let {pageInfo} = node.orders
  while (pageInfo.hasNextPage) {
    const more = await orders.fetchMore({variables: {after: pageInfo.endCursor}})
    pageInfo = more.data!.customer!.orders.pageInfo
  }
}
const shop = shown().edges.map(({node}) => [node.username, node.orders.edges.map(each => each.node.id)])

const customer = shown().edges[0]!.node
const input = {customerId: customer.id, reference, total: {amount: '12.50', currency: 'EUR'}}
const created = await client.mutate({
  mutation: CreateOrder,
  variables: {input},
  update: (cache, {data}) => {
    const order = data?.createOrder?.order
    if (!order) return
    cache.modify({
      id: cache.identify({__typename: 'Customer', id: customer.id}),
      fields: {
        orders: (connection: any, {toReference}) => ({
          ...connection,
          edges: [{__typename: 'OrderEdge', node: toReference(order)}, ...connection.edges],
        }),
      },
    })
  },
})
const {id} = created.data!.createOrder!.order!
await client.mutate({mutation: TransitionOrder, variables: {input: {id, to: 'PAID'}}})
const again = await client.mutate({mutation: CreateOrder, variables: {input}})

const first = shown().edges[0]!.node.orders.edges.map(each => each.node)
console.log(
  JSON.stringify({
    shop,
    id,
    after: first.map(order => order.id),
    newest: [first[0]!.status, first[0]!.total.amount],
    refused: again.data!.createOrder!.userErrors,
  }),
)
client.stop()
