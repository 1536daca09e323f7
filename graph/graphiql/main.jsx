import 'graphiql/setup-workers/vite'
import './page.css'

import { explorerPlugin } from '@graphiql/plugin-explorer'
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql'
import { createRoot } from 'react-dom/client'

import createCustomer from './examples/create-customer.graphql?raw'
import customers from './examples/customers.graphql?raw'

async function send(request, { headers } = {}) {
  const response = await fetch(location.pathname, {
    method: 'POST',
    headers: {
      Accept: 'application/graphql-response+json, application/json',
      'Content-Type': 'application/json',
      ...headers,
    },
    body: JSON.stringify(request),
  })
  return response.json()
}

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    fetcher={send}
    plugins={[HISTORY_PLUGIN, explorerPlugin()]}
    defaultTabs={[{ query: customers }, { query: createCustomer }]}
    defaultQuery=""
    defaultTheme="light"
    inputValueDeprecation
    schemaDescription
  >
    <GraphiQL.Logo>Tidegraph</GraphiQL.Logo>
  </GraphiQL>,
)
