// Apollo Client for Tidegraph: a cache that knows connections, a key, and documents by their ids.
import {ApolloClient, ApolloLink, HttpLink, InMemoryCache} from '@apollo/client'
import {SetContextLink} from '@apollo/client/link/context'
import {PersistedQueryLink} from '@apollo/client/link/persisted-queries'
import possibleTypes from '../generated/possible-types.js'
import {connectionPolicy} from './connections.js'

// What makes another list of the same field; the pages of one list are put together.
const ORDERS = ['where', 'orderBy', 'snapshot']
const CUSTOMERS = [...ORDERS, 'search', 'includeArchived']

const makeCache = () =>
  new InMemoryCache({
    ...possibleTypes,
    typePolicies: {
      Query: {
        fields: {
          customers: connectionPolicy(CUSTOMERS),
          orders: connectionPolicy(ORDERS),
          // A customer that came in a list is not asked for again.
          customer: (found, {args, toReference}) =>
            found ?? (args?.by.id && toReference({__typename: 'Customer', id: args.by.id})),
        },
      },
      Customer: {fields: {orders: connectionPolicy(ORDERS)}},
    },
  })

// By default Apollo discards the data of all fields when one of them fails, also of mutations that were carried out.
export const DEFAULT_OPTIONS = {
  query: {errorPolicy: 'all'},
  watchQuery: {errorPolicy: 'all'},
  mutate: {errorPolicy: 'all'},
} as const

// So that the compiler knows of these defaults.
declare module '@apollo/client' {
  namespace ApolloClient {
    namespace DeclareDefaultOptions {
      interface Query {
        errorPolicy: 'all'
      }
      interface WatchQuery {
        errorPolicy: 'all'
      }
      interface Mutate {
        errorPolicy: 'all'
      }
    }
  }
}

/** The key goes with every request; by id, a request has the hash that codegen gave its document. */
export function connect(url: string, {key = '', byId = false} = {}) {
  const links = [
    new SetContextLink(({headers}) => ({
      headers: key ? {...headers, authorization: `Bearer ${key}`} : headers,
    })),
    ...(byId ? [new PersistedQueryLink({generateHash: (document: any) => document.__meta__.hash})] : []),
    new HttpLink({uri: url}),
  ]
  return new ApolloClient({
    link: ApolloLink.from(links),
    cache: makeCache(),
    defaultOptions: DEFAULT_OPTIONS,
  })
}
