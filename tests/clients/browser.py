"""GraphiQL's page in a headless Chromium, or the reason why it cannot be opened."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Response

GRAPHIQL = Path(__file__).parents[2] / "graph" / "graphiql"
BUILT_PAGE = GRAPHIQL / "dist" / "index.html"
AXE = GRAPHIQL / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def require_everything() -> None:
    """Skip where something is not installed or built; on CI that is a failure."""
    missing = [
        what
        for what, there in {
            "playwright (pip)": importlib.util.find_spec("playwright"),
            "chromium": shutil.which("chromium"),
            "graph/graphiql/dist (npm ci && npm run build)": BUILT_PAGE.exists(),
            "axe-core (npm ci)": AXE.exists(),
        }.items()
        if not there
    ]
    if not missing:
        return
    reason = f"a browser test needs {', '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser of the system's, for as long as the block runs."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


class GraphiQL:
    """One visit to the page, in a browser context without a past."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.requested: list[str] = []
        self.errors: list[str] = []
        context.on("request", lambda request: self.requested.append(request.url))
        context.on("requestfailed", lambda request: self.errors.append(f"failed: {request.url}"))
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on(
            "console",
            lambda message: self.errors.append(message.text) if message.type == "error" else None,
        )
        self.page = context.new_page()
        with self.page.expect_response(_answers_introspection):
            self.document = self.page.goto(f"{url}/graphql")
        self.editor = self.page.get_by_label("Operation Editor").locator(".monaco-editor")
        self.editor.wait_for()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    def write(self, text: str) -> None:
        """Replace what stands in the editor, as a paste does."""
        self.editor.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)
        if text:
            self._wait_for_tab("(tab.query || '').replace(/\\s/g, '')", "".join(text.split()))

    def open(self, operation: str) -> None:
        """Go to the tab of an operation."""
        self.button(operation).click()
        self._wait_for_tab("tab.operationName", operation)

    def _wait_for_tab(self, what: str, expected: str) -> None:
        # GraphiQL looks at the text a moment later, and until then sends the last operation's name.
        state = "JSON.parse(localStorage['graphiql:tabState'] || '{\"tabs\": []}')"
        looked = f"(state => state.tabs[state.activeTabIndex])({state})"
        self.page.wait_for_function(
            f"expected => {{ const tab = {looked}; return tab && {what} === expected }}", arg=expected
        )

    def wait_for_result(self, text: str) -> None:
        """Until the response pane shows the text (any white space is as good as another)."""
        self.page.get_by_label("Result Window").filter(has_text=text).wait_for()

    def run(self, how: Callable[[], object] | None = None) -> Any:
        """Press the button, or do it in another way; the answer's body."""
        with self.page.expect_response(_answers_operation) as answer:
            (how or self.button("Execute query").click)()
        return answer.value.json()


def _answers_introspection(response: Response) -> bool:
    return "IntrospectionQuery" in (response.request.post_data or "")


def _answers_operation(response: Response) -> bool:
    return response.request.method == "POST" and not _answers_introspection(response)
