// The screen with nobody in front of it: what it shows once all is loaded, and after a new order.
import {Suspense} from 'react'
import {RelayEnvironmentProvider} from 'react-relay'
import {create} from 'react-test-renderer'
import type {ReactTestInstance} from 'react-test-renderer'
import {ConnectionHandler, commitMutation} from 'relay-runtime'
import type {MutationConfig, MutationParameters} from 'relay-runtime'
import {connect} from './environment.js'
import {CreateOrder, TransitionOrder} from './mutations.js'
import {Shop} from './Shop.js'
import type {mutationsCreateOrderMutation} from '../generated/relay/mutationsCreateOrderMutation.graphql.js'
import type {mutationsTransitionOrderMutation} from '../generated/relay/mutationsTransitionOrderMutation.graphql.js'

const [url, reference, key] = process.argv.slice(2) as [string, string, string]
const environment = connect(url, {key})
const screen = create(
  <RelayEnvironmentProvider environment={environment}>
    <Suspense fallback={<progress />}>
      <Shop />
    </Suspense>
  </RelayEnvironmentProvider>,
)

const shown = (type: 'progress' | 'section' | 'li', within: ReactTestInstance = screen.root) =>
  within.findAllByType(type)

/** Until the screen shows that it waits for nothing. */
async function settled() {
  do await new Promise(resolve => setTimeout(resolve, 10))
  while (!screen.toJSON() || shown('progress').length)
}

/** The payload of a mutation. */
const mutate = <Mutation extends MutationParameters>(
  config: Omit<MutationConfig<Mutation>, 'onCompleted' | 'onError'>,
) =>
  new Promise<Mutation['response']>((resolve, reject) => {
    commitMutation<Mutation>(environment, {...config, onCompleted: resolve, onError: reject})
  })

await settled()
const shop = shown('section').map(section => [
  section.props.title,
  shown('li', section).map(({props}) => props.id),
])

const customer = shown('section')[0]!
const customerId: string = customer.props.id
const input = {customerId, reference, total: {amount: '12.50', currency: 'EUR'}}
const connections = [ConnectionHandler.getConnectionID(customerId, 'Shop_orders')]
const creation = {mutation: CreateOrder, variables: {input, connections}}
const created = await mutate<mutationsCreateOrderMutation>(creation)
const {id} = created.createOrder!.order!
await mutate<mutationsTransitionOrderMutation>({
  mutation: TransitionOrder,
  variables: {input: {id, to: 'PAID'}},
})
const refused = (await mutate<mutationsCreateOrderMutation>(creation)).createOrder!.userErrors
await settled()

const orders = shown('li', customer)
console.log(
  JSON.stringify({
    shop,
    id,
    after: orders.map(({props}) => props.id),
    newest: [orders[0]!.props.title, ...orders[0]!.children],
    refused,
  }),
)
