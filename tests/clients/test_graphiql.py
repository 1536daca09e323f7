"""GraphiQL in a real browser, under the policy that the server sends with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import uuid4

import pytest

from tests.clients.browser import AXE, GraphiQL, launched, require_everything
from tests.processes import Spawn

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


class Guarded(NamedTuple):
    url: str
    key: str


# Tabs with buttons inside are GraphiQL's, and what is in an editor is Monaco's.
FIND = """
async () => {
  const found = await axe.run({exclude: [['.graphiql-tabs'], ['.monaco-editor']]})
  return found.violations.flatMap(each => each.nodes.map(node => `${each.id}: ${node.html}`))
}
"""
BACKGROUND = "element => getComputedStyle(element).backgroundColor"
WHITE, DARK = "rgb(255, 255, 255)", "rgb(33, 42, 59)"
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


@contextmanager
def visit(browser: Browser, url: str, **options: Any) -> Iterator[GraphiQL]:
    with browser.new_context(**options) as context:
        context.set_default_timeout(20_000)
        yield GraphiQL(context, url)


@pytest.fixture
def graphiql(chromium: Browser, server: Any) -> Iterator[GraphiQL]:
    with visit(chromium, server.url) as graphiql:
        yield graphiql


@pytest.fixture
def guarded(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Guarded]:
    """A server that requires a key, and a key."""
    folder = tmp_path_factory.mktemp("guarded")
    shutil.copy(migrated_sqlite, folder / "tidegraph.db")
    with Spawn(folder) as spawn:
        created = spawn.run("keys", "create", "web", "--scope", "admin")
        yield Guarded(spawn.serve(auth="keys").url, created.stdout.strip())


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


def test_graphiql_runs_a_query_by_keyboard_alone(graphiql: GraphiQL) -> None:
    """Nothing has to be clicked before Ctrl-Enter."""
    answer = graphiql.run(lambda: graphiql.page.keyboard.press("Control+Enter"))

    assert len(answer["data"]["customers"]["nodes"]) == 5


def test_graphiql_runs_an_edited_query_once_by_keyboard(graphiql: GraphiQL, server: Any) -> None:
    """In an editor, Ctrl-Enter is GraphiQL's own."""
    graphiql.write("query Written { __typename }")
    sent = len(graphiql.requested)
    answer = graphiql.run(lambda: graphiql.page.keyboard.press("Control+Enter"))
    graphiql.wait_for_result('"__typename": "Query"')

    assert answer == {"data": {"__typename": "Query"}}
    assert [f"{server.url}/graphql"] == [url for url in graphiql.requested[sent:] if url.endswith("/graphql")]


def test_graphiql_follows_the_color_scheme_of_the_system(chromium: Browser, server: Any) -> None:
    """The page and its editors, from the start and when it changes."""
    with visit(chromium, server.url, color_scheme="dark") as graphiql:
        shown = []
        for scheme in ("dark", "light", "dark"):
            graphiql.page.emulate_media(color_scheme=scheme)
            graphiql.page.locator(".monaco-editor.vs" if scheme == "light" else ".vs-dark").first.wait_for()
            shown.append(graphiql.page.locator(".graphiql-container").evaluate(BACKGROUND))

    assert [DARK, WHITE, DARK] == shown


def test_graphiql_forgets_the_theme_of_earlier_versions_once(chromium: Browser, server: Any) -> None:
    """A stored theme gives way to the system's; one that is chosen afterwards stays."""
    with visit(chromium, server.url, color_scheme="dark") as graphiql:
        graphiql.page.evaluate("localStorage.removeItem('tidegraph:theme-reset')")
        graphiql.page.evaluate("localStorage.setItem('graphiql:theme', 'light')")
        graphiql.page.reload()
        graphiql.page.locator(".vs-dark").first.wait_for()
        graphiql.page.evaluate("localStorage.setItem('graphiql:theme', 'light')")
        graphiql.page.reload()
        graphiql.page.locator(".monaco-editor.vs").first.wait_for()


def test_graphiql_says_that_a_key_is_required(chromium: Browser, guarded: Guarded) -> None:
    """And takes it: the schema loads by itself, and the other tabs have the key, too."""
    with visit(chromium, guarded.url) as graphiql:
        hint = graphiql.page.get_by_role("status")
        hint.get_by_text("This server requires an API key or token.").wait_for()
        hint.get_by_role("button", name="Enter key").click()
        headers = graphiql.page.get_by_label("Headers").locator(".monaco-editor.focused")
        headers.wait_for()
        graphiql.page.keyboard.insert_text(guarded.key)
        graphiql.page.get_by_role("status").filter(has_not_text="key").wait_for(state="attached")
        graphiql.open("LatestOrdersWithHistory")
        answer = graphiql.run()
        graphiql.button("Show Documentation Explorer").click()
        graphiql.page.get_by_role("link", name="Mutation", exact=True).wait_for()

    assert "errors" not in answer


def test_graphiql_hides_docs_and_explains_why(chromium: Browser, guarded: Guarded) -> None:
    """Docs without a schema name the reason, not only that there is an error."""
    with visit(chromium, guarded.url) as graphiql:
        graphiql.button("Show Documentation Explorer").click()
        docs = graphiql.page.get_by_label("Documentation Explorer", exact=True)
        docs.get_by_text("This server requires an API key or token.").wait_for()
        shown = graphiql.page.content()

    assert "Error fetching schema" not in shown


def test_graphiql_sends_no_template(graphiql: GraphiQL) -> None:
    """A server without authentication gets no Authorization header, although Headers have a template."""
    with graphiql.page.expect_request(lambda request: request.method == "POST") as sent:
        graphiql.run()

    assert "authorization" not in sent.value.all_headers()


def test_graphiql_shows_the_schema_and_its_scopes_in_docs(graphiql: GraphiQL) -> None:
    """What a caller needs for a field is said where the field is looked up."""
    graphiql.button("Show Documentation Explorer").click()
    docs = graphiql.page.get_by_label("Documentation Explorer", exact=True)
    docs.get_by_text("Customers and their orders.").wait_for()
    docs.get_by_role("link", name="Mutation", exact=True).click()
    docs.get_by_role("link", name="deleteOrder", exact=True).click()

    docs.get_by_text("Requires the scope orders:write.").wait_for()


def test_graphiql_shows_history_of_sample_data(graphiql: GraphiQL) -> None:
    """No example answers with empty lists."""
    graphiql.open("LatestOrdersWithHistory")
    answer = graphiql.run()

    assert [True] * 3 == [bool(order["history"]["nodes"]) for order in answer["data"]["orders"]["nodes"]]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_graphiql_is_accessible(
    scheme: Literal["light", "dark"], width: int, chromium: Browser, guarded: Guarded, server: Any
) -> None:
    """axe-core finds nothing but what GraphiQL itself is made of; also in the hint and in Docs."""
    size = {"width": width, "height": 844}
    for url in (server.url, guarded.url):
        with visit(chromium, url, color_scheme=scheme, viewport=size, bypass_csp=True) as graphiql:
            if url == guarded.url:
                graphiql.page.get_by_role("status").get_by_role("button").wait_for()
            graphiql.page.evaluate(AXE.read_text())
            assert graphiql.page.evaluate(FIND) == []
            graphiql.button("Show Documentation Explorer").click()
            graphiql.page.get_by_label("Documentation Explorer", exact=True).wait_for()
            assert graphiql.page.evaluate(FIND) == []
            assert graphiql.page.evaluate("document.documentElement.scrollWidth") == width
