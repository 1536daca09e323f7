// User errors that a fragment on their interface selects, in each client; and errors at the fields of a form.
import {connect as apollo} from './apollo/client.js'
import {CustomerNodes, PlaceOrder, RenameCustomer} from './documents.js'
import {errorsByField} from './forms.js'
import {connect as urql} from './urql/client.js'

const [url, reference] = process.argv.slice(2) as [string, string]
const inApollo = apollo(url)
const inUrql = urql(url)

const {data} = await inApollo.query({query: CustomerNodes, variables: {first: 1, orders: 1}})
const {id} = data!.customers!.nodes[0]!
const input = {customerId: id, reference, total: {amount: '1', currency: 'EUR'}}
await inApollo.mutate({mutation: PlaceOrder, variables: {input}})
const missing = {...input, reference: undefined, customerId: Buffer.from('Customer:999999999').toString('base64url')}
const stale = {id, name: 'Other', expectedVersion: 1000}

const report: Record<string, unknown[]> = {apollo: [], urql: []}
for (const input of [{...stale}]) {
  const {data} = await inApollo.mutate({mutation: RenameCustomer, variables: {input}})
  report.apollo!.push(data!.updateCustomer!.userErrors)
  const result = await inUrql.mutation(RenameCustomer, {input}).toPromise()
  report.urql!.push(result.data!.updateCustomer!.userErrors)
}
for (const each of [input, missing]) {
  const {data} = await inApollo.mutate({mutation: PlaceOrder, variables: {input: each}})
  report.apollo!.push(data!.createOrder!.userErrors)
  const result = await inUrql.mutation(PlaceOrder, {input: each}).toPromise()
  report.urql!.push(result.data!.createOrder!.userErrors)
}

const taken = await inUrql.mutation(PlaceOrder, {input}).toPromise()
const wrong = {...input, total: {amount: '12,90', currency: 'eur'}}
const uncoercible = await inUrql.mutation(PlaceOrder, {input: wrong}).toPromise()
const form = [
  errorsByField(taken.data!.createOrder!.userErrors, []),
  errorsByField([], uncoercible.error!.graphQLErrors),
].map(fields => [...fields.keys()])
console.log(JSON.stringify({...report, customer: id, form}))
inApollo.stop()
