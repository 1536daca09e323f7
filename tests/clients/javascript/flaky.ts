// A retried mutation behind a proxy that fails four times: before and after the server got it, and by its answers.
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {write} from './retry.js'

const [url, customerId, reference] = process.argv.slice(2) as [string, string, string]
const MUTATION = `mutation ($input: CreateOrderInput!) {
  createOrder(input: $input) { order { id } userErrors { code } }
}`
const keys: string[] = []
const times: number[] = []

const forward = (body: string) =>
  fetch(url, {method: 'POST', headers: {'content-type': 'application/json'}, body}).then(answer => answer.text())
const failure = (code: string, more: object) =>
  JSON.stringify({data: {createOrder: null}, errors: [{message: code, path: ['createOrder'], extensions: {code, ...more}}]})

const proxy = createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request) body += chunk
  keys.push(JSON.parse(body).variables.input.idempotencyKey)
  times.push(Date.now())
  const attempt = keys.length
  if (attempt === 1) return request.socket.destroy()
  if (attempt === 2) return response.end(failure('TOO_MANY_REQUESTS', {retryable: true, retryAfterMs: 700}))
  const answer = await forward(body)
  if (attempt === 3) return response.end(failure('OUTCOME_UNKNOWN', {retryable: true}))
  if (attempt === 4) return request.socket.destroy()
  return response.end(answer)
})
await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/`

const send = async (input: object) => {
  const body = JSON.stringify({query: MUTATION, variables: {input}})
  return (await fetch(address, {method: 'POST', body, headers: {connection: 'close'}})).json()
}
const {data} = await write(send, {customerId, reference, total: {amount: '1', currency: 'EUR'}})
const refused = await write(
  async () => ({data: null, errors: [{extensions: {code: 'BAD_USER_INPUT'}}]}),
  {},
)
console.log(
  JSON.stringify({
    attempts: keys.length,
    keys: new Set(keys).size,
    waited: times[2]! - times[1]! >= 700,
    created: data.createOrder.order.id,
    refused: refused.errors![0]!.extensions.code,
  }),
)
proxy.close()
