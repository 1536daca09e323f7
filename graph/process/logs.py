"""Logs: one line an event on standard error, for people in development and as JSON in production."""

import logging
import sys

import structlog


def configure(*, development: bool) -> None:
    """Send structlog's events, and the warnings of libraries, to standard error."""
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
    # It repeats TiDB's notes, such as how many ids AUTO_RANDOM has left.
    logging.getLogger("asyncmy").setLevel(logging.ERROR)
    # It warns of each request that is not HTTP, about which nobody here can do anything.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


# Both leave out local variables: customers' data are in them, and a driver's password.
def for_people() -> list[structlog.typing.Processor]:
    """Coloured on a terminal, with the usual traceback below."""
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def for_machines() -> list[structlog.typing.Processor]:
    """One JSON object a line, with the traceback in `exception`."""
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
