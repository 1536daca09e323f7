"""GraphiQL in a real browser, under the policy that the server sends with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.clients.browser import GraphiQL, launched, require_everything

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

MUTATION = """
mutation {
  createCustomer(input: {username: "%s", name: "Ada Lovelace"}) {
    customer { username }
    userErrors { code }
  }
}
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    require_everything()
    with launched() as browser:
        yield browser


@pytest.fixture
def graphiql(chromium: Browser, server: Any) -> Iterator[GraphiQL]:
    with chromium.new_context() as context:
        context.set_default_timeout(20_000)
        yield GraphiQL(context, server.url)


def test_graphiql_stays_on_its_own_origin(graphiql: GraphiQL, server: Any) -> None:
    """The page loads and runs under its policy, with no outside request and no console error."""
    graphiql.run()
    elsewhere = [url for url in graphiql.requested if not url.startswith((f"{server.url}/graphql", "data:"))]

    assert graphiql.document is not None
    assert "default-src 'none'" in graphiql.document.headers["content-security-policy"]
    assert graphiql.page.title() == "Tidegraph"
    assert elsewhere == []
    assert graphiql.errors == []


def test_graphiql_runs_its_first_query(graphiql: GraphiQL) -> None:
    """A first visitor presses the button and sees customers with their orders."""
    answer = graphiql.run()

    assert "errors" not in answer
    assert len(answer["data"]["customers"]["nodes"]) == 5
    graphiql.wait_for_result('"customers": { "nodes": [ { "id": ')


def test_graphiql_runs_the_mutation_of_its_second_tab(graphiql: GraphiQL) -> None:
    """The example mutation is valid, whether or not its customer exists by now."""
    graphiql.open("CreateCustomer")
    answer = graphiql.run()

    assert "errors" not in answer
    assert set(answer["data"]["createCustomer"]) == {"customer", "userErrors"}


def test_graphiql_runs_a_pasted_mutation(graphiql: GraphiQL) -> None:
    """What is pasted into the editor is run, and its result is shown."""
    username = f"ada-{uuid4().hex[:8]}"
    graphiql.write(MUTATION % username)
    answer = graphiql.run()

    created = {"customer": {"username": username}, "userErrors": []}
    assert answer == {"data": {"createCustomer": created}}
    graphiql.wait_for_result(f'"username": "{username}"')


def test_graphiql_completes_fields(graphiql: GraphiQL) -> None:
    """Completion comes from the schema by way of a web worker, which the policy must allow."""
    graphiql.write("")
    graphiql.page.keyboard.type("{ cust")

    graphiql.page.get_by_role("option", name="customers").first.wait_for()


def test_graphiql_explorer_lists_root_fields(graphiql: GraphiQL) -> None:
    """The explorer opens from the sidebar and offers what a query can start with."""
    graphiql.write("")
    graphiql.button("Show GraphiQL Explorer").click()
    fields = graphiql.page.locator(".graphiql-explorer-field-view")
    fields.first.wait_for()

    assert {"customers", "orders"} <= set(fields.all_text_contents())
