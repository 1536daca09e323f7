// A shop's screen with Relay: lists that load their next page until there is none.
import {useEffect} from 'react'
import {graphql, useLazyLoadQuery, usePaginationFragment} from 'react-relay'
import type {ShopQuery} from '../generated/relay/ShopQuery.graphql.js'
import type {Shop_customers$key} from '../generated/relay/Shop_customers.graphql.js'
import type {Shop_orders$key} from '../generated/relay/Shop_orders.graphql.js'

const PAGE = 2

export function Shop() {
  const query = useLazyLoadQuery<ShopQuery>(
    graphql`
      query ShopQuery @throwOnFieldError {
        ...Shop_customers
      }
    `,
    {},
  )
  return <Customers query={query} />
}

function Customers({query}: {query: Shop_customers$key}) {
  const {data, ...pages} = usePaginationFragment(
    graphql`
      fragment Shop_customers on Query
      @throwOnFieldError
      @refetchable(queryName: "ShopCustomersPageQuery")
      @argumentDefinitions(first: {type: "Int", defaultValue: 2}, after: {type: "String"}) {
        customers(first: $first, after: $after) @connection(key: "Shop_customers") {
          edges {
            node {
              id
              username
              ...Shop_orders
            }
          }
        }
      }
    `,
    query,
  )
  const more = useAllPages(pages)
  return (
    <>
      {data.customers?.edges.map(({node}) => (
        <section key={node.id} id={node.id} title={node.username}>
          <Orders customer={node} />
        </section>
      ))}
      {more && <progress />}
    </>
  )
}

function Orders({customer}: {customer: Shop_orders$key}) {
  const {data, ...pages} = usePaginationFragment(
    graphql`
      fragment Shop_orders on Customer
      @throwOnFieldError
      @refetchable(queryName: "ShopOrdersPageQuery")
      @argumentDefinitions(first: {type: "Int", defaultValue: 2}, after: {type: "String"}) {
        orders(first: $first, after: $after) @connection(key: "Shop_orders") {
          edges {
            node {
              id
              status
              total {
                amount
              }
            }
          }
        }
      }
    `,
    customer,
  )
  const more = useAllPages(pages)
  return (
    <>
      {data.orders.edges.map(({node}) => (
        <li key={node.id} id={node.id} title={node.status}>
          {node.total.amount}
        </li>
      ))}
      {more && <progress />}
    </>
  )
}

interface Pages {
  hasNext: boolean
  isLoadingNext: boolean
  loadNext: (count: number) => void
}

/** Loads page after page, as who scrolls down does; whether there is more. */
function useAllPages({hasNext, isLoadingNext, loadNext}: Pages) {
  useEffect(() => {
    if (hasNext && !isLoadingNext) loadNext(PAGE)
  })
  return hasNext
}
