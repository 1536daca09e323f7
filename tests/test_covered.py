"""The table of bad inputs and faults names tests that are there."""

import ast
import re
from pathlib import Path

import pytest

from tests.test_requests import CASES

ROOT = Path(__file__).parent
ROWS = {
    int(number): re.findall(r"`([\w/.]+)::(\w+)(?:\[(.*?)\])?`", tests)
    for number, tests in re.findall(r"^\| (\d+) \|.*\| (.*) \|$", (ROOT / "covered.md").read_text(), re.M)
}


def functions(path: Path) -> set[str]:
    """The names of a file's tests."""
    nodes = ast.parse(path.read_text()).body
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("number", ROWS)
def test_what_covers_a_row_exists(number: int) -> None:
    """Each test that the row names, and each case of the table of requests."""
    assert ROWS[number]
    for path, function, case in ROWS[number]:
        assert function in functions(ROOT / path)
        assert not case or case in CASES


def test_every_request_covers_a_row() -> None:
    """No case of the table of requests stands in no row."""
    assert set(CASES) == {case for tests in ROWS.values() for *_, case in tests if case}


def test_every_row_is_there() -> None:
    """But for those of WebSocket messages."""
    assert {*range(1, 51)} - {37, 38, 39} == set(ROWS)
