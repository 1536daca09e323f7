"""What TiDB does with the statements of a request: their plans, with the rows that each part read."""

import re
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from db.engine.database import Database

# The parts that read rows of a table or entries of an index; all others read what these give.
READERS = re.compile(r"(Table|Index)\w*Scan|Point_Get|MemTableScan")


class Step(NamedTuple):
    """One operator of a plan: `IndexRangeScan`, the rows it gave, what it read, and its details."""

    operator: str
    rows: int
    access: str
    details: str

    @property
    def reads(self) -> bool:
        return bool(READERS.search(self.operator))

    @property
    def index(self) -> str:
        """The index that it reads, or the empty text."""
        found = re.search(r"index:(\w+)", self.access)
        return found.group(1) if found else ""


class Plan(list[Step]):
    """How one statement was run."""

    statement: str = ""

    @property
    def rows_read(self) -> int:
        return sum(step.rows for step in self if step.reads)

    @property
    def indexes(self) -> set[str]:
        return {step.index for step in self if step.index}

    def steps(self, *names: str) -> Iterator[Step]:
        """Those of some operators, as `TopN`."""
        return (step for step in self if step.operator in names)


class Explain:
    """Records the statements that `database` reads by while the block runs, and explains them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recorded: list[tuple[str, Any]] = []

    def __enter__(self) -> Self:
        sa.event.listen(self._database.reads.sync_engine, "before_cursor_execute", self._record)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        sa.event.remove(self._database.reads.sync_engine, "before_cursor_execute", self._record)

    def _record(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        self._recorded.append((statement, parameters))

    async def plans(self) -> list[Plan]:
        """Each statement's plan, run once more by EXPLAIN ANALYZE; forgets the statements."""
        recorded, self._recorded = self._recorded, []
        async with self._database.reads.connect() as connection:
            # On a busy machine TiDB would rather guess than wait for the statistics that it has.
            await connection.exec_driver_sql("SET tidb_stats_load_sync_wait = 10000")
            plans = []
            for statement, parameters in recorded:
                explained = f"EXPLAIN ANALYZE {statement}"
                rows = (await connection.exec_driver_sql(explained, parameters)).all()
                plan = Plan(_step(row) for row in rows)
                plan.statement = statement
                plans.append(plan)
        self._recorded.clear()
        return plans


def _step(row: Any) -> Step:
    # └─IndexRangeScan_23(Build)
    operator = re.sub(r"^[^A-Za-z]*|_\d+(\(\w+\))?$", "", row[0])
    return Step(operator, int(row[2]), row[4] or "", row[6] or "")
