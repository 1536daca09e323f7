// Connections in Apollo's cache: `relayStylePagination` merges only `edges`, and so would show the last page's `nodes`.
import type {FieldPolicy, Reference} from '@apollo/client'
import {relayStylePagination} from '@apollo/client/utilities'

type Edge = {__typename: string; cursor?: string; node: Reference}

/** Merges the pages of a list, for queries that select `nodes`, `edges` or both. It stores edges and reads both. */
export function connectionPolicy(keyArgs: string[]): FieldPolicy<any> {
  const relay = relayStylePagination(keyArgs) as any
  return {
    keyArgs,
    read(existing, options) {
      // Only other fields, such as totalCount, have been selected of it.
      if (!existing?.edges) return existing
      const list = relay.read(existing, options)
      return {...list, nodes: list.edges.map((edge: Edge) => options.readField('node', edge))}
    },
    merge(existing, incoming, options) {
      if (!incoming) return existing ?? incoming
      const {nodes, edges, ...others} = incoming
      if (!nodes && !edges) return {...others, ...existing, ...totals(others)}
      const known = new Map<string, Edge>(existing?.edges?.map((edge: Edge) => [edge.node.__ref, edge]))
      const __typename = others.__typename?.replace(/Connection$/, 'Edge')
      const page = edges ?? nodes.map((node: Reference) => ({__typename, ...known.get(node.__ref), node}))
      return relay.merge(existing && {edges: [], ...existing}, {...others, edges: page}, options)
    },
  }
}

const totals = ({pageInfo, ...others}: any) => others
