"""Take the README's screenshot of GraphiQL: python -m tests.clients.screenshot http://127.0.0.1:8000"""

import sys

from tests import doc_examples
from tests.clients.browser import GraphiQL, launched

IMAGE = doc_examples.ROOT / "docs" / "images" / "graphiql.png"


def main(url: str) -> None:
    """Run the README's first query on a server with the sample data."""
    query = doc_examples.blocks(doc_examples.ROOT / "README.md", "graphql")[0]
    viewport = {"width": 1280, "height": 720}
    with launched() as browser, browser.new_context(viewport=viewport, color_scheme="light") as context:
        graphiql = GraphiQL(context, url)
        # Monaco indents inserted line breaks and closes the first brace: write one line, delete that brace.
        graphiql.editor.click()
        graphiql.page.keyboard.press("Control+A")
        graphiql.page.keyboard.insert_text(" ".join(query.split()))
        graphiql.page.keyboard.press("Delete")
        graphiql.button("<untitled>").wait_for()
        graphiql.button("Prettify").click()
        graphiql.editor.click()
        graphiql.page.keyboard.press("Control+Home")
        graphiql.run()
        graphiql.wait_for_result("SO-0000613")
        graphiql.page.mouse.move(0, 0)
        graphiql.page.locator(":focus").blur()
        graphiql.page.screenshot(path=IMAGE)


if __name__ == "__main__":
    main(sys.argv[1])
