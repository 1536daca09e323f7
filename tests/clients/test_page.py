"""docs/clients.md shows code that the tests run."""

from tests import doc_examples
from tests.clients import packages

HERE = doc_examples.ROOT / "tests" / "clients"
PAGE = doc_examples.ROOT / "docs" / "clients.md"
LANGUAGES = ("ts", "tsx", "go", "java", "python", "rust", "toml", "xml", "yaml")


def test_what_is_shown_is_what_runs() -> None:
    """Each block of code stands in one of the clients' files, letter for letter."""
    shown = [block for language in LANGUAGES for block in doc_examples.blocks(PAGE, language)]
    folders = [HERE / name for name in ("javascript", "go", "rust", "java", "python")]
    files = [*(path for folder in folders for path in packages.sources(folder)), HERE / "test_gql.py"]
    texts = [path.read_text() for path in files if path.is_file()]

    assert 20 == len(shown)
    assert [] == [block for block in shown if not any(block in text for text in texts)]
