// A shop's screen with urql: all customers and orders page by page, then a new order in its list.
import type {AnyVariables, OperationResult, TypedDocumentNode} from '@urql/core'
import {connect} from './client.js'
import {CreateOrder, Customers, OrdersOfCustomer, TransitionOrder} from '../documents.js'

const [url, reference, key] = process.argv.slice(2) as [string, string, string?]
// The server that wants a key takes nothing but documents by their ids.
const client = connect(url, {key, byId: Boolean(key)})
const PAGE = 2

/** The data of a result that has no errors. */
function data<Data>({data, error}: OperationResult<Data, any>): Data {
  if (error) throw error
  return data!
}

async function customersUpTo(after?: string) {
  return data(await client.query(Customers, {first: PAGE, orders: PAGE, after}).toPromise()).customers!
}

async function ordersUpTo(id: string, after?: string) {
  return data(await client.query(OrdersOfCustomer, {id, first: PAGE, after}).toPromise()).customer!.orders
}

/** The cache puts each page to those before it, so that the last answer has them all. */
async function allOrders(id: string) {
  let orders = await ordersUpTo(id)
  while (orders.pageInfo.hasNextPage) orders = await ordersUpTo(id, orders.pageInfo.endCursor!)
  return orders.edges.map(({node}) => node)
}

let customers = await customersUpTo()
while (customers.pageInfo.hasNextPage) customers = await customersUpTo(customers.pageInfo.endCursor!)

const shop = []
for (const {node} of customers.edges) {
  shop.push([node.username, (await allOrders(node.id)).map(order => order.id)])
}

const {id: customerId} = customers.edges[0]!.node
const input = {customerId, reference, total: {amount: '12.50', currency: 'EUR'}}
const created = data(await client.mutation(CreateOrder, {input}).toPromise())
const {id} = created.createOrder!.order!
const first = await allOrders(customerId)
data(await client.mutation(TransitionOrder, {input: {id, to: 'PAID'}}).toPromise())
const refused = data(await client.mutation(CreateOrder, {input}).toPromise()).createOrder!.userErrors

const [newest] = client.readQuery(OrdersOfCustomer, {id: customerId, first: PAGE})!.data!.customer!.orders
  .edges
console.log(
  JSON.stringify({
    shop,
    id,
    after: first.map(order => order.id),
    newest: [newest!.node.status, newest!.node.total.amount],
    refused,
  }),
)
