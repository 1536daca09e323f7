"""Logs: one line an event on standard error, for people in development and as JSON in production."""

import json
import logging
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import structlog

# Log collectors cut or drop longer lines. JSON here is ASCII, so characters are bytes.
MAX_LINE_LENGTH = 8_000


def configure(*, development: bool) -> None:
    """Send structlog's events, warnings and exceptions that nobody caught to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    ending = for_people() if development else for_machines()
    structlog.configure(
        processors=[*shared, *ending],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    foreign = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(foreign)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    # It repeats TiDB's notes, such as how many ids AUTO_RANDOM has left.
    logging.getLogger("asyncmy").setLevel(logging.ERROR)
    # It warns of each request that is not HTTP, about which nobody here can do anything.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    if not development:
        log_uncaught_exceptions()


# Both leave out local variables: customers' data are in them, and a driver's password.
def for_people() -> list[structlog.typing.Processor]:
    """Coloured on a terminal, with the usual traceback below."""
    plain = structlog.dev.plain_traceback
    render = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    return [lambda logger, name, event: shorten(str(render(logger, name, event)), MAX_LINE_LENGTH)]


def for_machines() -> list[structlog.typing.Processor]:
    """One JSON object a line, with the traceback in `exception`."""
    return [structlog.processors.format_exc_info, as_json]


def as_json(_logger: Any, _name: str, event: Mapping[str, Any]) -> str:
    """A JSON object of at most MAX_LINE_LENGTH bytes; fields that are too long lose their middle."""
    limit = MAX_LINE_LENGTH
    while True:
        line = json.dumps({key: _field(value, limit) for key, value in event.items()}, default=repr)
        if len(line) <= MAX_LINE_LENGTH or limit < 16:
            return line
        limit //= 2


def _field(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return shorten(value, limit)
    text = json.dumps(value, default=repr)
    return value if len(text) <= limit else shorten(text, limit)


def shorten(text: str, limit: int) -> str:
    """The text if it has at most `limit` characters, otherwise its beginning and its end."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}… {len(text) - 2 * half} characters left out …{text[len(text) - half :]}"


def log_uncaught_exceptions() -> None:
    """Log exceptions that end the process or a thread, or occur in a finalizer, instead of printing them."""
    log = logging.getLogger("tidegraph.python")

    def end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical("uncaught exception", exc_info=(kind, error, trace))

    def end_thread(thread: threading.ExceptHookArgs) -> None:
        if not isinstance(thread.exc_value, SystemExit):
            log.error("uncaught exception in a thread", exc_info=thread.exc_value)

    def ignore(unraisable: Any) -> None:
        log.error("exception ignored: %s", unraisable.err_msg, exc_info=unraisable.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = end, end_thread, ignore
