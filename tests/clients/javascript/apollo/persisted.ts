// Automatic persisted queries with Apollo Client, over GET: what it sends for two queries of one document.
import {createHash} from 'node:crypto'
import {ApolloClient, ApolloLink, HttpLink, InMemoryCache} from '@apollo/client'
import {PersistedQueryLink} from '@apollo/client/link/persisted-queries'
import {DEFAULT_OPTIONS} from './client.js'
import {Customers} from '../documents.js'

const url = process.argv[2]!
const sent: string[] = []

/** Records each request: its method, and whether it has the document or only the hash. */
const recordingFetch: typeof fetch = (input, init) => {
  const text = init?.body ? String(init.body) : new URL(String(input)).search
  sent.push(`${init?.method ?? 'GET'} ${/[?&]query=|"query":/.test(text) ? 'document' : 'hash'}`)
  return fetch(input, init)
}

const sha256 = (document: string) => createHash('sha256').update(document).digest('hex')
const client = new ApolloClient({
  link: ApolloLink.from([
    new PersistedQueryLink({sha256, useGETForHashedQueries: true}),
    new HttpLink({uri: url, fetch: recordingFetch}),
  ]),
  cache: new InMemoryCache(),
  defaultOptions: DEFAULT_OPTIONS,
})

const answers = []
for (const first of [1, 2]) {
  const {data, error} = await client.query({query: Customers, variables: {first, orders: 1}})
  answers.push(error ? error.message : data!.customers!.edges.length)
}
console.log(JSON.stringify({sent, answers}))
client.stop()
