"""Schemathesis, a fuzzer that nobody here wrote, against a real server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from graph import schema
from tests.conftest import KINDS
from tests.processes import Spawn

pytestmark = pytest.mark.tools
ROOT = Path(__file__).parents[2]
EXAMPLES = 10
OPTIONS = f"""
--max-examples {EXAMPLES} --continue-on-failure --seed 1 --no-shrink --generation-database none
--checks not_a_server_error,response_schema_conformance --request-timeout 20 --no-color
""".split()


@pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
def test_schemathesis_finds_no_server_error(database_url: str, spawn: Spawn) -> None:
    """Of each root field, in documents that fit the schema and in others; the server lives on."""
    built = schema.build()._schema
    count = EXAMPLES * sum(len(kind.fields) for kind in (built.query_type, built.mutation_type) if kind)
    spawn.run("seed", "--customers", "20", "--orders", "3", database_url=database_url)
    serving = spawn.serve(database_url=database_url)
    ended = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"{serving.url}/graphql", *OPTIONS],
        cwd=spawn.folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.clients.schemathesis_hooks"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert 0 == ended.returncode, ended.stdout + ended.stderr
    assert f"{count} generated, {count} passed" in ended.stdout
    assert {"data": {"__typename": "Query"}} == serving.post("{ __typename }")
