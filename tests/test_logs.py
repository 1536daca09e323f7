"""The log's two shapes, for people and for machines, of our own lines and of the libraries'."""

import json
import subprocess
import sys
from typing import Any

import pytest

from graph import logs

PROGRAM = """
import logging, sys
import structlog
from graph import logs

def fail():
    password = "s3" + "cret"
    raise RuntimeError("no luck")

logs.configure(development=sys.argv[1] == "development")
structlog.get_logger("tidegraph").info("serving", port=8000)
for log in (structlog.get_logger("tidegraph"), logging.getLogger("uvicorn.error")):
    try:
        fail()
    except RuntimeError:
        log.exception("it broke")
logging.getLogger("uvicorn.error").info("not worth a line")
"""


def logged(env: str) -> str:
    """What a program logs: a line, an exception of its own, and one of a library."""
    command = [sys.executable, "-c", PROGRAM, env]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "" == done.stdout
    return done.stderr


def test_production_logs_one_object_a_line() -> None:
    """Tracebacks too, and without local variables, for a password may be one."""
    text = logged("production")
    serving, ours, theirs = (json.loads(line) for line in text.splitlines())

    assert serving.pop("timestamp").endswith("Z")
    assert {"event": "serving", "level": "info", "port": 8000} == serving
    for broken in (ours, theirs):
        assert ("it broke", "error") == (broken["event"], broken["level"])
        assert broken["exception"].startswith("Traceback (most recent call last):\n")
        assert broken["exception"].endswith("\nRuntimeError: no luck")
    assert "s3cret" not in text


def test_development_logs_for_people() -> None:
    """With the traceback as Python prints it, and again without local variables."""
    text = logged("development")

    assert 1 == text.count("serving")
    assert 2 == text.count("it broke")
    assert 2 == text.count("\nRuntimeError: no luck\n")
    assert "\x1b" not in text
    assert "s3cret" not in text
    assert "not worth a line" not in text


LONG = """
import logging, sys, warnings
import structlog
from graph import logs

logs.configure(development=sys.argv[1] == "development")
for log in (structlog.get_logger("tidegraph"), logging.getLogger("uvicorn.error")):
    for text in ("x" * 2_000_000, "\U0001f600" * 100_000, '"\\\\' * 100_000, "line\\n" * 100_000):
        try:
            raise RuntimeError(text)
        except RuntimeError:
            log.exception(text)
structlog.get_logger("tidegraph").warning("path", path=[text] * 9, other={text: text}, one=1, none=None)
warnings.warn("w" * 100_000)
"""


def test_a_line_is_never_longer_than_8_kb() -> None:
    """Whatever is long in it: its text, the exception's, a field, a warning; it stays one JSON object."""
    done = subprocess.run([sys.executable, "-c", LONG, "production"], capture_output=True, check=True)
    lines = done.stderr.splitlines()
    events = [json.loads(line) for line in lines]

    assert 10 == len(events)
    assert max(map(len, lines)) <= 8_000
    assert ["error"] * 8 + ["warning"] * 2 == [event["level"] for event in events]
    for event in events[:8]:
        assert event["exception"].startswith("Traceback (most recent call last):\n")
        assert " characters left out …" in event["exception"]
        assert " characters left out …" in event["event"]
    assert events[0]["exception"].endswith("x" * 500)
    assert (1, None, "path") == tuple(events[8][name] for name in ("one", "none", "event"))


def test_people_get_no_longer_lines_either() -> None:
    """In development a line with its traceback is as short."""
    done = subprocess.run([sys.executable, "-c", LONG, "development"], capture_output=True, text=True)

    assert "" == done.stdout
    assert len(done.stderr) < 10 * 8_100


@pytest.mark.parametrize("fields", [{f"field-{number}": "é" * 5_000 for number in range(20)}, {"a": ["b"]}])
def test_short_fields_stay_as_they_are(fields: dict[str, Any]) -> None:
    """Only what is long is shortened, and what is no text keeps its type."""
    event = {"event": "short", "number": 1.5, "path": ["orders", 0, "lines"], **fields}
    line = logs.as_json(None, "warning", event)
    kept = {
        name: value for name, value in json.loads(line).items() if name in ("event", "number", "path", "a")
    }

    assert len(line) <= 8_000
    assert {name: value for name, value in event.items() if name in kept} == kept


UNCAUGHT = """
import asyncio, threading, warnings
from graph import logs

logs.configure(development=False)

async def forgotten():
    pass

class Fails:
    def __del__(self):
        raise RuntimeError("finalizer")

def fail(where):
    raise RuntimeError(where)

async def main():
    asyncio.create_task(asyncio.to_thread(fail, "task"))
    await asyncio.sleep(0.2)

forgotten()
warnings.warn("careful")
Fails()
thread = threading.Thread(target=fail, args=("thread",))
thread.start()
thread.join()
asyncio.run(main())
fail("end")
"""


def test_production_logs_what_python_prints() -> None:
    """Warnings and exceptions that nobody caught, wherever they occur."""
    done = subprocess.run([sys.executable, "-c", UNCAUGHT], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    causes = [line.get("exception", "").rpartition("\n")[2] for line in lines]

    assert (1, "") == (done.returncode, done.stdout)
    assert ["warning", "warning", "error", "error", "error", "critical"] == [line["level"] for line in lines]
    assert "RuntimeWarning: coroutine 'forgotten' was never awaited" in lines[0]["event"]
    assert "UserWarning: careful" in lines[1]["event"]
    ends = [f"RuntimeError: {where}" for where in ("finalizer", "thread", "task", "end")]
    assert ends == causes[2:]
