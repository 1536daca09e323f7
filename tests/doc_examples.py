"""Examples in the documentation: queries, responses and code blocks."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def blocks(page: Path, language: str) -> list[str]:
    """The page's code blocks in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.M | re.S)


def examples(page: Path) -> list[tuple[str, str | None]]:
    """The page's queries in order, each with the JSON that stands right below it, if any does."""
    found = re.findall(r"^```graphql\n(.*?)^```$(?:\n\n^```json\n(.*?)^```$)?", page.read_text(), re.M | re.S)
    return [(query, answer or None) for query, answer in found]
