"""The commands that a newcomer types first, on a copy of the tree that has everything installed."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from db.engine.urls import DatabaseUrl
from tests.conftest import KINDS
from tests.processes import environment
from tests.shared_tidb import SharedTidb, execute
from tests.source_tree import copy_tree
from tests.terminal import Terminal

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
    stamps = tree / ".venv" / ".installed", tree / ".venv" / ".installed-dev", page.with_name(".tried")
    for made in (page, *stamps):
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


def run(tree: Path, port: int, **variables: str) -> str:
    """What `make run` showed on a terminal until it was up, answered and got Ctrl-C."""
    with Terminal(["make", "run", f"PORT={port}"], tree, surroundings(tree, **variables)) as terminal:
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


@pytest.fixture(params=KINDS[:2])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """The default, a file in the working directory, or a database on TiDB that is not there yet."""
    if request.param == "sqlite":
        yield "sqlite:///tidegraph.db"
        return
    tidb: SharedTidb = request.getfixturevalue("tidb")
    name = f"make_{uuid4().hex[:8]}"
    yield tidb.url(name)
    asyncio.run(execute(tidb.url(), f"DROP DATABASE IF EXISTS {name}"))


def test_run_sets_up_once(tree: Path, port: int, address: str) -> None:
    """The first run fills an empty database; the second serves at once, and says nothing else."""
    variables = {} if address.startswith("sqlite") else {"TIDEGRAPH_DATABASE_URL": address}
    first = run(tree, port, **variables)
    whole = address.replace("///", f"///{tree}/")
    asyncio.run(execute(whole, "DELETE FROM order_lines"))
    second = run(tree, port, **variables)
    root, shown = f"http://127.0.0.1:{port}", DatabaseUrl.parse(address)

    assert f"{shown} is now at revision " in first
    assert "Seeded 1,000 customers with 10,000 orders." in first
    assert [
        f"Tidegraph is running on {shown}. Press Ctrl-C to stop.",
        f"  API        {root}/graphql  (POST)",
        f"  GraphiQL   {root}/graphql  (in a browser)",
        f"  Readiness  {root}/readyz",
        "^C",
        "Tidegraph has stopped.",
    ] == second.splitlines()


def test_run_on_a_busy_port_is_one_line(tree: Path) -> None:
    """What is wrong, and what to type instead; make adds that it failed."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = make(tree, "run", f"PORT={port}")
    line, failed = done.stderr.splitlines()

    assert (2, "") == (done.returncode, done.stdout)
    hint = f"use --port {port + 1}, or make run PORT={port + 1}"
    assert f"tidegraph: port {port} of 127.0.0.1 is in use: {hint}" == line
    assert failed.endswith(" Error 1")
    assert not (tree / "tidegraph.db").exists()


def test_a_failed_build_is_not_tried_again_by_each_run(tree: Path) -> None:
    """It is said once, without make's own errors; `make graphiql` tries again."""
    shutil.rmtree(tree / "graph" / "graphiql" / "dist")
    npm, calls = tree / "bin" / "npm", tree / "calls"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\necho $1 >> {calls}\nexit 1\n")
    npm.chmod(0o755)
    path = f"{npm.parent}:{os.environ['PATH']}"
    # With this port the program ends before it has begun.
    runs = [make(tree, "run", "PORT=none", PATH=path) for _ in range(2)]
    called = calls.read_text()
    again = make(tree, "graphiql", PATH=path)
    building = "Building GraphiQL, once (about half a minute).\n"
    failed = "GraphiQL could not be built: /graphql loads GraphiQL from the internet instead.\n"

    assert [building + failed, ""] == [run.stdout for run in runs]
    assert "ci\n" == called
    assert "make[" not in runs[0].stderr
    assert (0, building + failed, "") == (again.returncode, again.stdout, again.stderr)
    assert "ci\nci\n" == calls.read_text()


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
