// urql for Tidegraph: a normalised cache that knows connections, a key, and documents by their ids.
import {Client, fetchExchange} from '@urql/core'
import {cacheExchange} from '@urql/exchange-graphcache'
import {relayPagination} from '@urql/exchange-graphcache/extras'
import {persistedExchange} from '@urql/exchange-persisted'
import possibleTypes from '../generated/possible-types.js'
import type {CreateOrderMutation, CreateOrderMutationVariables} from '../generated/gql/graphql.js'

// What has no id is kept in the object that it came with.
const EMBEDDED = [
  'Bucket',
  'Change',
  'Count',
  'FieldChange',
  'Money',
  'OrderLine',
  'OrderStats',
  'OrderSummary',
  'Snapshot',
]

const makeCache = () =>
  cacheExchange({
    ...possibleTypes,
    keys: Object.fromEntries(EMBEDDED.map(name => [name, () => null])),
    resolvers: {
      Query: {customers: relayPagination(), orders: relayPagination()},
      Customer: {orders: relayPagination()},
    },
    updates: {
      Mutation: {
        // The customer's lists are read anew: this one's place in them is the server's to know.
        createOrder: ({createOrder}: CreateOrderMutation, {input}: CreateOrderMutationVariables, cache) => {
          if (!createOrder?.order) return
          const customer = {__typename: 'Customer', id: input.customerId}
          for (const {fieldName, arguments: args} of cache.inspectFields(customer)) {
            if (fieldName === 'orders') cache.invalidate(customer, fieldName, args)
          }
        },
      },
    },
  })

const byHash = persistedExchange({
  enforcePersistedQueries: true,
  enableForMutation: true,
  generateHash: async (_, document: any) => document.__meta__.hash,
})

/** The key goes with every request; by id, a request has the hash that codegen gave its document. */
export const connect = (url: string, {key = '', byId = false} = {}) =>
  new Client({
    url,
    fetchOptions: {headers: key ? {authorization: `Bearer ${key}`} : {}},
    exchanges: [makeCache(), ...(byId ? [byHash] : []), fetchExchange],
  })
