"""The log's two shapes, for people and for machines, of our own lines and of the libraries'."""

import json
import subprocess
import sys

PROGRAM = """
import logging, sys
import structlog
from graph.process import logs

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
