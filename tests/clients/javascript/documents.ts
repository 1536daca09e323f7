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

export const CustomerNodes = graphql(`
  query CustomerNodes($first: Int!, $after: String, $orders: Int!) {
    customers(first: $first, after: $after) {
      nodes {
        id
        username
        orders(first: $orders) {
          nodes {
            id
          }
          pageInfo {
            hasNextPage
            endCursor
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

export const OrderNodes = graphql(`
  query OrderNodes($id: ID!, $first: Int!, $after: String) {
    customer(by: {id: $id}) {
      id
      orders(first: $first, after: $after) {
        nodes {
          id
        }
        edges {
          node {
            id
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

graphql(`
  fragment Problem on UserError {
    code
    message
    path
    ... on ValueTakenError {
      value
    }
    ... on NotFoundError {
      missing
    }
    ... on VersionConflictError {
      current {
        id
        ... on Customer {
          version
        }
      }
    }
  }
`)

export const PlaceOrder = graphql(`
  mutation PlaceOrder($input: CreateOrderInput!) {
    createOrder(input: $input) {
      order {
        id
      }
      userErrors {
        ...Problem
      }
    }
  }
`)

export const RenameCustomer = graphql(`
  mutation RenameCustomer($input: UpdateCustomerInput!) {
    updateCustomer(input: $input) {
      customer {
        id
      }
      userErrors {
        ...Problem
      }
    }
  }
`)
