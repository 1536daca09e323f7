"""docs/errors.md lists every error code, and no other."""

import re

from graph import errors
from graph.mutations.user_errors import UserErrorCode
from tests import doc_examples

PAGE = (doc_examples.ROOT / "docs" / "errors.md").read_text()


def rows(part: str) -> list[tuple[str, int]]:
    """The code and the number of filled cells of each row of a table."""
    found = re.findall(r"^\| `([A-Z_]+)` \|(.*)\|$", part, re.M)
    return [(code, sum(1 for cell in cells.split("|") if cell.strip())) for code, cells in found]


def test_every_code_of_a_request_is_listed() -> None:
    """Where it appears, what it means, and whether to retry."""
    table, _, _ = PAGE.partition("## User errors")
    codes = {name for name, value in vars(errors).items() if name == value}

    assert 15 < len(codes)
    assert {(code, 3) for code in codes} == set(rows(table))


def test_every_user_error_is_listed() -> None:
    """The values of UserErrorCode, with what each means."""
    _, _, table = PAGE.partition("## User errors")

    assert {(each.value, 1) for each in UserErrorCode} == set(rows(table))
