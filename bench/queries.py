"""The three queries, as GraphQL."""

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
CASES = {"nested": NESTED, "point": POINT, "list": LIST}
