"""The commands that a newcomer types first, on a copy of the tree that has everything installed."""

import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from tests.processes import environment
from tests.terminal import Terminal
from tests.tree import copy_tree

SUITE = """
import pytest

def test_on_sqlite(): ...

@pytest.mark.tidb
def test_on_tidb(): ...
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """As after a first `make install-dev graphiql`; nothing can be installed from here."""
    tree = copy_tree(tmp_path / "tree")
    (tree / ".venv").mkdir()
    (tree / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    page = tree / "graph" / "graphiql" / "dist" / "index.html"
    (page.parent / "graphql" / "assets").mkdir(parents=True)
    for made in (tree / ".venv" / ".installed", tree / ".venv" / ".installed-dev", page):
        made.write_text("<title>Tidegraph</title>")
    return tree


def surroundings(tree: Path, **variables: str) -> dict[str, str]:
    """The copy's own code, no package index, and nothing of the `make` that runs these tests."""
    others = ("PYTEST_", "MAKE", "MFLAGS")
    kept = {name: value for name, value in environment({}).items() if not name.startswith(others)}
    return {**kept, "PYTHONPATH": str(tree), "PIP_NO_INDEX": "1", **variables}


def make(tree: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["make", *arguments],
        cwd=tree,
        env=surroundings(tree, **variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run(tree: Path, port: int) -> str:
    """`make run` on a terminal until it is up and answers, then Ctrl-C; what it showed."""
    with Terminal(["make", "run", f"PORT={port}"], tree, surroundings(tree)) as terminal:
        terminal.wait_for("/readyz")
        url = f"http://127.0.0.1:{port}"
        page = httpx2.get(f"{url}/graphql", headers={"Accept": "text/html"})
        query = {"query": "{ customers(first: 1) { nodes { orders(first: 1) { nodes { status } } } } }"}
        (customer,) = httpx2.post(f"{url}/graphql", json=query).json()["data"]["customers"]["nodes"]

        assert "<title>Tidegraph</title>" in page.text
        assert 1 == len(customer["orders"]["nodes"])
        assert 200 == httpx2.get(f"{url}/readyz").status_code
        terminal.interrupt()
        # As a shell expects it of a command that was interrupted.
        assert -2 == terminal.wait()
        return terminal.output


@pytest.fixture
def port() -> int:
    """A free one."""
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        number: int = chosen.getsockname()[1]
    return number


def test_run_sets_up_once(tree: Path, port: int) -> None:
    """The first run fills an empty database; the second serves at once, and says nothing else."""
    first = run(tree, port)
    with closing(sqlite3.connect(tree / "tidegraph.db")) as connection:
        connection.execute("DELETE FROM order_lines")
        connection.commit()
    second = run(tree, port)
    root = f"http://127.0.0.1:{port}"

    assert "sqlite:///tidegraph.db is now at revision " in first
    assert "Seeded 1,000 customers with 10,000 orders." in first
    assert [
        "Tidegraph is up, on sqlite:///tidegraph.db. Ctrl-C ends it.",
        f"  API        {root}/graphql  (POST)",
        f"  GraphiQL   {root}/graphql  (in a browser)",
        f"  Readiness  {root}/readyz",
        "^C",
        "Tidegraph has ended.",
    ] == second.splitlines()


def test_run_on_a_busy_port_is_one_line(tree: Path) -> None:
    """What is wrong, and what to type instead; make adds that it failed."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = make(tree, "run", f"PORT={port}")
    line, failed = done.stderr.splitlines()

    assert (2, "") == (done.returncode, done.stdout)
    hint = f"take --port {port + 1}, or make run PORT={port + 1}"
    assert f"tidegraph: port {port} of 127.0.0.1 is in use: {hint}" == line
    assert failed.endswith(" Error 1")
    assert not (tree / "tidegraph.db").exists()


def test_an_old_python_is_refused(tree: Path) -> None:
    """Before anything is made with it."""
    shutil.rmtree(tree / ".venv", ignore_errors=True)
    old = tree / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = make(tree, "install", f"PYTHON={old}")

    assert 2 == done.returncode
    assert "Tidegraph needs Python 3.11 or later, as in: make run PYTHON=python3.12\n" == done.stdout
    assert not (tree / ".venv").exists()


def test_help_lists_every_target(tree: Path) -> None:
    """Each with what it does, on a terminal's width."""
    listed = make(tree, "help").stdout.splitlines()
    makefile = (tree / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.M)

    assert sorted(phony.split()) == sorted(line.split()[1] for line in listed)
    assert [] == [line for line in listed if len(line) > 80]


@pytest.fixture
def no_tidb(tree: Path) -> dict[str, str]:
    """A machine without a TiDB, which cannot build one either."""
    (tree / "tests" / "test_small.py").write_text(SUITE)
    (tree / "no-folder").touch()
    return {"XDG_CACHE_HOME": str(tree / "no-folder")}


def test_tests_without_a_tidb_say_so(tree: Path, no_tidb: dict[str, str]) -> None:
    """They skip what needs one, and the last lines tell what to do."""
    done = make(tree, "test", "JOBS=0", "ARGS=tests/test_small.py", **no_tidb)
    last = done.stdout.splitlines()[-4:]

    assert 0 == done.returncode, done.stdout + done.stderr
    assert done.stderr.startswith("TiDB could not be built: ")
    assert last[1:3] == [
        "No TiDB: every test on TiDB was skipped. Run `make tidb`, or set",
        "TIDEGRAPH_TEST_TIDB_URL=tidb://user:password@host:4000/ and run again.",
    ]
    assert last[3].startswith("1 passed, 1 skipped in ")


def test_tests_can_require_a_tidb(tree: Path, no_tidb: dict[str, str]) -> None:
    """As CI does: what is missing there is a failure, of `make` and of pytest itself."""
    required = {**no_tidb, "TIDEGRAPH_TEST_TIDB": "required"}
    made = make(tree, "test", "JOBS=0", "ARGS=tests/test_small.py", **required)
    command = [sys.executable, "-m", "pytest", "tests/test_small.py"]
    tested = subprocess.run(
        command, cwd=tree, env=surroundings(tree, **required), capture_output=True, text=True, check=False
    )

    assert 2 == made.returncode
    assert made.stderr.startswith("TiDB could not be built: ")
    assert "ERROR: a TiDB is required, and there is none: run `make tidb`\n" in tested.stderr
    assert pytest.ExitCode.USAGE_ERROR == tested.returncode
