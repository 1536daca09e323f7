// What the generated types forbid; the compiler fails where one of these lines is no mistake.
import type {CreateOrderMutationVariables, CustomersQuery} from './generated/gql/graphql.js'

type Order = NonNullable<CustomersQuery['customers']>['edges'][0]['node']['orders']['edges'][0]['node']

export const sum = (orders: Order[]) =>
  // @ts-expect-error An amount is text, so that no cent is lost.
  orders.reduce((total, order) => total + order.total.amount, 0)

// @ts-expect-error A moment is text, too.
export const placed = (order: Order): Date => order.placedAt

// @ts-expect-error A reference can be null.
export const label = (order: Order): string => order.reference

export const half: CreateOrderMutationVariables = {
  // @ts-expect-error Half an amount of money is none.
  input: {customerId: 'x', total: {amount: '1'}},
}

// @ts-expect-error Paid is no status, PAID is.
export const paid = (order: Order) => order.status === 'Paid'
