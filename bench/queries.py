"""What is measured, as GraphQL: three queries and two mutations."""

NESTED = """
query {
  customers(first: 20) {
    nodes {
      id
      username
      name
      orders(first: 5) { nodes { id status placedAt total { amount currency } } }
    }
  }
}
"""
POINT = """
query ($id: ID!) {
  order(by: {id: $id}) { id status total { amount currency } customer { id username name } }
}
"""
LIST = """
query {
  orders(first: 100) { nodes { id reference status placedAt } }
}
"""
CREATE = """
mutation ($input: CreateOrderInput!) {
  createOrder(input: $input) {
    order { reference status version total { amount currency } }
    userErrors { code message path }
  }
}
"""
UPSERT = """
mutation ($input: UpsertCustomersInput!) {
  upsertCustomers(input: $input) {
    results { outcome customer { username name } }
    userErrors { code message path }
  }
}
"""
READS = {"nested": NESTED, "point": POINT, "list": LIST}
WRITES = {"create": CREATE, "upsert": UPSERT}
CASES = READS | WRITES
