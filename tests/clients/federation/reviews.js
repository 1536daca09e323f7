// A second subgraph: reviews of orders, with a PageInfo, a Node and a node of its own.
import {createServer} from 'node:http'
import {buildSubgraphSchema} from '@apollo/subgraph'
import {createHandler} from 'graphql-http/lib/use/http'
import {parse} from 'graphql'

export const typeDefs = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])
  type Query {
    node(id: ID!): Node @shareable
    nodes(ids: [ID!]!): [Node]! @shareable
    reviews: ReviewConnection
  }
  interface Node { id: ID! }
  type Review implements Node @key(fields: "id") { id: ID!, stars: Int!, order: Order! }
  type Order @key(fields: "id") { id: ID!, reviews: ReviewConnection! }
  type Customer @key(fields: "id") { id: ID!, reviewsCount: Int! }
  type ReviewConnection { nodes: [Review!]!, pageInfo: PageInfo! }
  type PageInfo @shareable {
    hasNextPage: Boolean!
    hasPreviousPage: Boolean!
    startCursor: String
    endCursor: String
  }
`

/** Listens on a free port with one review for each of these orders; returns the server. */
export function serveReviews(orderIds) {
  const pageInfo = {hasNextPage: false, hasPreviousPage: false}
  const reviews = orderIds.map((id, index) => ({id: `review-${index}`, stars: index + 1, order: {id}}))
  const resolvers = {
    Query: {reviews: () => ({nodes: reviews, pageInfo})},
    Node: {__resolveType: () => 'Review'},
    Order: {
      __resolveReference: ({id}) => ({id}),
      reviews: ({id}) => ({nodes: reviews.filter(each => each.order.id === id), pageInfo}),
    },
    Customer: {__resolveReference: ({id}) => ({id}), reviewsCount: () => reviews.length},
  }
  const schema = buildSubgraphSchema({typeDefs: parse(typeDefs), resolvers})
  const server = createServer(createHandler({schema}))
  return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(server)))
}
