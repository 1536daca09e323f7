"""The console of a starting server: text on a terminal, log events otherwise."""

import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import structlog

from graph.progress_bar import progress
from graph.settings import Settings

log = structlog.get_logger("tidegraph")


class Console:
    """Prints text in development or on a terminal. Otherwise every line is a log event."""

    def __init__(self, settings: Settings) -> None:
        self._database = settings.redacted_database_url
        self._for_people = settings.is_development or sys.stdout.isatty()

    def info(self, text: str) -> None:
        if self._for_people:
            print(text, flush=True)  # noqa: T201
        else:
            log.info(text)

    def warning(self, text: str) -> None:
        log.warning(text)

    def progress(self, total: int) -> AbstractContextManager[Callable[[int], object]]:
        return progress(total) if self._for_people else nullcontext(lambda _count: None)

    def serving(self, host: str, port: int) -> None:
        """The URLs, printed once the server listens."""
        root = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        if not self._for_people:
            log.info("serving", api=f"{root}/graphql", readiness=f"{root}/readyz", database=self._database)
            return
        self.info(
            f"Tidegraph is running on {self._database}. Press Ctrl-C to stop.\n"
            f"  API        {root}/graphql  (POST)\n"
            f"  GraphiQL   {root}/graphql  (in a browser)\n"
            f"  Readiness  {root}/readyz"
        )

    def stopped(self, by: signal.Signals) -> None:
        """The last line. After SIGINT the terminal shows ^C, so it begins on a new line."""
        if not self._for_people:
            log.info("stopped", signal=by.name)
        elif by == signal.SIGINT and sys.stdout.isatty():
            self.info("\nTidegraph has stopped.")
        else:
            self.info("Tidegraph has stopped.")
