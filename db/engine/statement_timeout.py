"""The statement timeout: TiDB gets with each SELECT what is left of the deadline (MAX_EXECUTION_TIME)."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

DEADLINE = "tidegraph_deadline"
SELECT = "SELECT "
HINTS = "/*+ "


def write_into_selects(engine: AsyncEngine) -> None:
    """Statements with the execution option DEADLINE get the hint just before they are sent.

    In the statement itself it would be a new entry in SQLAlchemy's compiled cache each time. TiDB takes it in
    the first SELECT, for all of a UNION; behind WITH or a parenthesis it does not, so there it is left out.
    """
    sa.event.listen(engine.sync_engine, "before_cursor_execute", _limit, retval=True)


def _limit(
    _connection: object, _cursor: object, statement: str, parameters: Any, context: Any, _many: bool
) -> tuple[str, Any]:
    deadline = context.execution_options.get(DEADLINE)
    if deadline is None or deadline.at is None or not statement.startswith(SELECT):
        return statement, parameters
    left = max(1, round(deadline.remaining() * 1000))
    hinted = statement.removeprefix(SELECT)
    # TiDB reads the first comment of hints and no other.
    others, rest = (" ", hinted[len(HINTS) :]) if hinted.startswith(HINTS) else (" */ ", hinted)
    return f"SELECT {HINTS}MAX_EXECUTION_TIME({left}){others}{rest}", parameters
