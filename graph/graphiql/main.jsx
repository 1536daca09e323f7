import 'graphiql/setup-workers/vite'
import './page.css'

import { DOC_EXPLORER_PLUGIN, DocExplorer } from '@graphiql/plugin-doc-explorer'
import { explorerPlugin } from '@graphiql/plugin-explorer'
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react'
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql'
import { useEffect, useRef } from 'react'
import { createRoot } from 'react-dom/client'

import createCustomer from './examples/create-customer.graphql?raw'
import customers from './examples/customers.graphql?raw'
import history from './examples/history.graphql?raw'

const AUTHORIZATION_TEMPLATE = '{\n  "Authorization": "Bearer "\n}'
const HAS_KEY = /"authorization"\s*:\s*"(?!bearer\s*")[^"]*\S[^"]*"/i
const AFTER_TYPING = 600

async function send(request, { headers } = {}) {
  const response = await post(request, headers).catch(() => {
    throw new Error('The server cannot be reached.')
  })
  return response.json().catch(() => {
    throw new Error(`HTTP ${response.status}: the response is not JSON.`)
  })
}

function post(request, headers) {
  return fetch(location.pathname, {
    method: 'POST',
    headers: {
      Accept: 'application/graphql-response+json, application/json',
      'Content-Type': 'application/json',
      ...withoutTemplate(headers),
    },
    body: JSON.stringify(request),
  })
}

// The template alone is no credential: a server that asks for none must not get one.
function withoutTemplate(headers = {}) {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name, value]) => name.toLowerCase() !== 'authorization' || !/^(bearer)?\s*$/i.test(value),
    ),
  )
}

// Why there is no schema: `{ message, needsKey }`, or null while there is one or it is on its way.
function useProblem() {
  const fetchError = useGraphiQL(state => state.fetchError)
  if (!fetchError) return null
  let error
  try {
    const result = JSON.parse(fetchError)
    error = result.errors[0]
    error = error.errors?.[0] ?? error
  } catch {
    error = { message: String(fetchError) }
  }
  return { message: error.message, needsKey: error.extensions?.code === 'UNAUTHENTICATED' }
}

function Hint({ problem }) {
  const { introspect } = useGraphiQLActions()
  const headerEditor = useGraphiQL(state => state.headerEditor)

  function enterKey() {
    // On a phone, Docs cover the editors.
    if (matchMedia('(max-width: 720px)').matches) document.querySelector('.graphiql-sidebar .active')?.click()
    document.querySelector('.graphiql-editor-tools [data-name="headers"]').click()
    requestAnimationFrame(() => {
      const [match] = headerEditor.getModel().findMatches('bearer ', false, false, false, null, false)
      if (match) headerEditor.setPosition(match.range.getEndPosition())
      headerEditor.layout()
      headerEditor.focus()
    })
  }

  if (!problem.needsKey) {
    return (
      <>
        <p>The schema could not be loaded. {problem.message}</p>
        <button type="button" onClick={introspect}>
          Try again
        </button>
      </>
    )
  }
  return (
    <>
      <p>
        <strong>This server requires an API key or token.</strong> Put it into Headers, after{' '}
        <code>Bearer</code>; the schema then loads by itself. <code>tidegraph keys create</code> makes a
        key.
      </p>
      <button type="button" onClick={enterKey}>
        Enter key
      </button>
    </>
  )
}

function Notice() {
  const problem = useProblem()
  return (
    <div className="notice" role="status">
      {problem && <Hint problem={problem} />}
    </div>
  )
}

DOC_EXPLORER_PLUGIN.content = function Docs() {
  const problem = useProblem()
  return problem ? (
    <section className="no-docs" aria-label="Documentation Explorer">
      <Hint problem={problem} />
    </section>
  ) : (
    <DocExplorer />
  )
}

// A key that is typed into one tab's headers is for all tabs, and loads the schema.
function KeyForAllTabs() {
  const { introspect } = useGraphiQLActions()
  const headerEditor = useGraphiQL(state => state.headerEditor)
  const latest = useRef()
  latest.current = useGraphiQL(state => ({ fetchError: state.fetchError, tabs: state.tabs }))
  useEffect(() => {
    let timer
    function spread() {
      const { fetchError, tabs } = latest.current
      const headers = headerEditor.getValue()
      if (!HAS_KEY.test(headers)) return
      for (const tab of tabs) if (!HAS_KEY.test(tab.headers ?? '')) tab.headers = headers
      if (fetchError) introspect()
    }
    const listening = headerEditor?.onDidChangeModelContent(() => {
      clearTimeout(timer)
      timer = setTimeout(spread, AFTER_TYPING)
    })
    return () => {
      clearTimeout(timer)
      listening?.dispose()
    }
  }, [headerEditor, introspect])
}

// GraphiQL's own binding works inside of an editor only.
function RunFromAnywhere() {
  const { run } = useGraphiQLActions()
  useEffect(() => {
    function onKeyDown(event) {
      const wanted = event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.repeat
      if (!wanted || event.target.closest('.monaco-editor, [role="dialog"]')) return
      event.preventDefault()
      event.stopPropagation()
      run()
    }
    addEventListener('keydown', onKeyDown, { capture: true })
    return () => removeEventListener('keydown', onKeyDown, { capture: true })
  }, [run])
}

// The page's colors follow the system by CSS; those of the editors are set by hand.
function EditorsFollowSystem() {
  const { setTheme } = useGraphiQLActions()
  const theme = useGraphiQL(state => state.theme)
  useEffect(() => {
    const system = matchMedia('(prefers-color-scheme: dark)')
    const follow = () => theme || setTheme(null)
    system.addEventListener('change', follow)
    return () => system.removeEventListener('change', follow)
  }, [setTheme, theme])
}

// Earlier versions stored the theme "light" without being asked. Forget it once, so that the page follows the system;
// a theme that is chosen afterwards stays.
function forgetOldTheme() {
  try {
    if (localStorage.getItem('tidegraph:theme-reset')) return
    localStorage.removeItem('graphiql:theme')
    localStorage.setItem('tidegraph:theme-reset', '1')
  } catch {
    // Without storage there is no stored theme.
  }
}

forgetOldTheme()
createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    fetcher={send}
    plugins={[HISTORY_PLUGIN, explorerPlugin()]}
    defaultHeaders={AUTHORIZATION_TEMPLATE}
    defaultTabs={[customers, history, createCustomer].map(query => ({
      query,
      headers: AUTHORIZATION_TEMPLATE,
    }))}
    defaultQuery=""
    defaultEditorToolsVisibility={false}
    inputValueDeprecation
    schemaDescription
  >
    <GraphiQL.Logo>
      <h1>Tidegraph</h1>
    </GraphiQL.Logo>
    <Notice />
    <KeyForAllTabs />
    <RunFromAnywhere />
    <EditorsFollowSystem />
  </GraphiQL>,
)
