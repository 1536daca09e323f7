"""How much a statement weighs, by its branches and conditions, so that what is kept of it is bounded."""

from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.util import LRUCache

StatementT = TypeVar("StatementT", bound=sa.Executable)

WEIGHT = "weight"
# What a branch weighs besides its conditions, each of which is one; ten take about 40 kB.
BRANCH = 10
# SQLAlchemy keeps 500 statements compiled, of whatever size. Of those above LIGHT these few are kept, and of
# those above HEAVIEST none.
LIGHT, HEAVIEST = 200, 2_000
COMPILED: Any = LRUCache(6)


def weighed(statement: StatementT, weight: int) -> StatementT:
    """The statement, which knows its weight."""
    return statement.execution_options(**{WEIGHT: weight})


def of(statement: sa.Executable) -> int:
    """The weight of a statement, of an ordinary one where it does not know."""
    weight: int = statement.get_execution_options().get(WEIGHT, BRANCH)
    return weight


def options(statement: sa.Executable) -> dict[str, Any]:
    """The options to run it with: where it is kept compiled."""
    weight = of(statement)
    if weight <= LIGHT:
        return {}
    return {"compiled_cache": COMPILED if weight <= HEAVIEST else None}
