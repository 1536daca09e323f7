"""Arguments of a nested field are read once, however many objects it is a field of."""

from typing import Any

import pytest

from db.engine.database import Database
from graph.execution import plan
from graph.types.connections import connection
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer

QUERY = """
query ($first: Int, $where: OrderWhere) {
  customers(first: $first) { nodes { orders(where: $where) { nodes { id } } } }
}
"""
EQUAL = {"reference": {"eq": "SO-1"}}
WHERES = {"good": EQUAL, "refused": {"or": [{"and": [EQUAL] * 30}] * 2}}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was converted and decoded, each time that it was."""
    seen: list[str] = []

    def watch(module: Any, name: str) -> None:
        real = getattr(module, name)

        def watched(*args: Any, **options: Any) -> Any:
            seen.append(name)
            return real(*args, **options)

        monkeypatch.setattr(module, name, watched)

    watch(plan, "get_argument_values")
    watch(plan, "convert_arguments")
    watch(connection, "condition")
    return seen


@pytest.mark.parametrize("where", WHERES.values(), ids=WHERES)
@on_sqlite
async def test_arguments_are_read_once_for_all_parents(
    where: dict[str, Any], database: Database, api: Api, read: list[str]
) -> None:
    """Those that are refused, too: else a small request with a large filter would take the server's time."""
    for _ in range(5):
        await create_customer(database)
    counts = []
    for first in (1, 5):
        read.clear()
        await api.send(QUERY, first=first, where=where)
        counts.append(sorted(read))

    assert counts[0] == counts[1]
    assert ["convert_arguments"] * 2 == [name for name in counts[0] if name == "convert_arguments"]
