"""Progress of long commands: a bar on a terminal, plain lines otherwise."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PROGRESS_LINES = 10


@contextmanager
def progress(total: int, what: str = "rows") -> Iterator[Callable[[int], object]]:
    """Yields a function that is called with the number of rows done since its last call."""
    if sys.stdout.isatty():
        with _bar(total, what) as advance:
            yield advance
    else:
        yield ProgressLines(total, what)


@contextmanager
def _bar(total: int, what: str) -> Iterator[Callable[[int], object]]:
    # Imported here, so that no other command waits for it.
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


class ProgressLines:
    """Prints a line for each tenth of the work."""

    def __init__(self, total: int, what: str) -> None:
        self._total, self._what = total, what
        self._done = self._shown = 0

    def __call__(self, count: int) -> None:
        self._done += count
        if self._done - self._shown >= self._total / PROGRESS_LINES or self._done == self._total:
            self._shown = self._done
            sys.stdout.write(f"{self._done:,} of {self._total:,} {self._what}\n")
            sys.stdout.flush()
