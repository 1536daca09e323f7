// The operations of Apollo Client and urql.
import {graphql} from './generated/gql/index.js'

graphql(`
  fragment Row on Order {
    id
    reference
    status
    placedAt
    total {
      amount
      currency
    }
  }
`)

export const Customers = graphql(`
  query Customers($first: Int!, $after: String, $orders: Int!) {
    customers(first: $first, after: $after) {
      edges {
        node {
          id
          username
          orders(first: $orders) {
            edges {
              node {
                ...Row
              }
            }
            pageInfo {
              hasNextPage
              endCursor
            }
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`)

export const OrdersOfCustomer = graphql(`
  query OrdersOfCustomer($id: ID!, $first: Int!, $after: String) {
    customer(by: {id: $id}) {
      id
      orders(first: $first, after: $after) {
        edges {
          node {
            ...Row
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`)

export const CreateOrder = graphql(`
  mutation CreateOrder($input: CreateOrderInput!) {
    createOrder(input: $input) {
      order {
        ...Row
      }
      userErrors {
        __typename
        code
        path
        ... on ValueTakenError {
          value
        }
      }
    }
  }
`)

export const TransitionOrder = graphql(`
  mutation TransitionOrder($input: TransitionOrderInput!) {
    transitionOrder(input: $input) {
      order {
        id
        status
      }
      userErrors {
        code
        path
      }
    }
  }
`)
