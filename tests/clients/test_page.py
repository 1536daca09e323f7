"""docs/clients.md shows code that the tests run."""

from tests import pages
from tests.clients import packages

HERE = pages.ROOT / "tests" / "clients"
PAGE = pages.ROOT / "docs" / "clients.md"


def test_what_is_shown_is_what_runs() -> None:
    """Each block of code stands in one of the clients' files, letter for letter."""
    shown = [block for language in ("ts", "tsx", "python") for block in pages.blocks(PAGE, language)]
    files = [*packages.sources(HERE / "javascript"), HERE / "test_gql.py"]
    texts = [path.read_text() for path in files if path.is_file()]

    assert 6 == len(shown)
    assert [] == [block for block in shown if not any(block in text for text in texts)]
