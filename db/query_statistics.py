"""What one request has cost the database, added up while it runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from db.response_budget import ResponseBudget


@dataclass(slots=True)
class QueryStatistics:
    """Statements sent, rows that came back, seconds in the database, and the runs of transactions.

    BEGIN, COMMIT and ROLLBACK are no statements; COMMIT's time counts. Statements that run side by side add
    up their times. `retried_for` has a reason for each run after the first. `budget` limits the response.
    """

    statements: int = 0
    rows: int = 0
    seconds: float = 0.0
    attempts: int = 0
    retried_for: list[str] = field(default_factory=list)
    budget: ResponseBudget = field(default_factory=ResponseBudget)

    @contextmanager
    def statement(self) -> Iterator[None]:
        """Count a statement that is sent inside, and its time."""
        self.statements += 1
        with self.time():
            yield

    @contextmanager
    def time(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - started
