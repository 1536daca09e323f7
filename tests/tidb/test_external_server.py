"""With a TiDB that was given, tests that need to end one do so to their own, or say why they cannot."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import environment
from tests.shared_tidb import SharedTidb

ROOT = Path(__file__).parents[2]
MORTAL = ["tests/faults/test_restarts.py", "tests/faults/test_outages.py", "tests/db/test_tls.py"]


@pytest.mark.tidb
@pytest.mark.parametrize(("wanted", "outcome"), [("", "skipped"), ("required", "errors")])
def test_without_a_server_of_ones_own(wanted: str, outcome: str, tidb: SharedTidb, tmp_path: Path) -> None:
    """They are skipped by name, and only where a TiDB is required is that a failure."""
    settings = environment({"test_tidb_url": tidb.address, "test_tidb": wanted})
    others = "not server_without_tls and not reset_connections"
    command = [sys.executable, "-m", "pytest", "-n0", "-k", others, *MORTAL]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**settings, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert f" {outcome}" in done.stdout.splitlines()[-1]
    assert "passed" not in done.stdout
    assert ("no TiDB of this machine's own: run `make tidb`" in done.stdout) == (wanted == "required")
