// Lists by `nodes` in each client's cache: what a screen shows after it fetched all pages, at the root and nested.
import {connect as apollo} from './apollo/client.js'
import {CustomerNodes, OrderNodes} from './documents.js'
import {connect as urql} from './urql/client.js'

const url = process.argv[2]!
const variables = {first: 2, orders: 2}
const ids = (nodes: readonly {id: string}[]) => nodes.map(({id}) => id)

async function withApollo() {
  const client = apollo(url)
  const list = client.watchQuery({query: CustomerNodes, variables})
  await client.query({query: CustomerNodes, variables})
  const shown = () => client.readQuery({query: CustomerNodes, variables})!.customers!
  while (shown().pageInfo.hasNextPage) {
    await list.fetchMore({variables: {after: shown().pageInfo.endCursor}})
  }
  for (const {id, orders} of shown().nodes) {
    // This one selects both: the cache knows the first page's edges from its nodes.
    const more = client.watchQuery({query: OrderNodes, variables: {id, first: 2}})
    let {pageInfo} = orders
    while (pageInfo.hasNextPage) {
      const page = await more.fetchMore({variables: {after: pageInfo.endCursor}})
      pageInfo = page.data!.customer!.orders.pageInfo
    }
  }
  const customers = shown().nodes
  const {id} = customers[0]!
  const both = client.readQuery({query: OrderNodes, variables: {id, first: 2}})!.customer!.orders
  client.stop()
  return {
    shop: customers.map(({username, orders}) => [username, ids(orders.nodes)]),
    edges: ids(both.edges.map(({node}) => node)),
  }
}

async function withUrql() {
  const client = urql(url)
  const customersUpTo = async (after?: string) =>
    (await client.query(CustomerNodes, {...variables, after}).toPromise()).data!.customers!
  const ordersUpTo = async (id: string, after?: string) =>
    (await client.query(OrderNodes, {id, first: 2, after}).toPromise()).data!.customer!.orders
  let customers = await customersUpTo()
  while (customers.pageInfo.hasNextPage) customers = await customersUpTo(customers.pageInfo.endCursor!)
  const shop = []
  const edges = []
  for (const {id, username} of customers.nodes) {
    let orders = await ordersUpTo(id)
    while (orders.pageInfo.hasNextPage) orders = await ordersUpTo(id, orders.pageInfo.endCursor!)
    shop.push([username, ids(orders.nodes)])
    edges.push(ids(orders.edges.map(({node}) => node)))
  }
  return {shop, edges: edges[0]}
}

console.log(JSON.stringify({apollo: await withApollo(), urql: await withUrql()}))
