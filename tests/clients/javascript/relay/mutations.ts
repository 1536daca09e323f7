// What the shop's screen changes.
import {graphql} from 'react-relay'

export const CreateOrder = graphql`
  mutation mutationsCreateOrderMutation($input: CreateOrderInput!, $connections: [ID!]!) {
    createOrder(input: $input) {
      order @prependNode(connections: $connections, edgeTypeName: "OrderEdge") {
        id
        status
        total {
          amount
        }
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
`

export const TransitionOrder = graphql`
  mutation mutationsTransitionOrderMutation($input: TransitionOrderInput!) {
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
`
