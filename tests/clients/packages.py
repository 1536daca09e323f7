"""npm packages that tests run with Node: a folder each, installed once from its lock file."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

NPM_CI = ["npm", "ci", "--silent", "--ignore-scripts", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]


def install(folder: Path) -> None:
    """Skip where there is no Node or npm cannot install; on CI that is a failure."""
    if missing := [program for program in ("node", "npm") if not shutil.which(program)]:
        _miss(f"no {' and no '.join(missing)} here")
    if _is_installed(folder):
        return
    done = subprocess.run(NPM_CI, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        _miss(f"npm cannot install what {folder.name} needs: {done.stderr.strip() or done.stdout.strip()}")


def run(folder: Path, script: str, *arguments: str) -> Any:
    """What a script of the folder prints, which is JSON."""
    command = ["node", script, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def _is_installed(folder: Path) -> bool:
    # npm writes it when all is there.
    installed, wanted = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime


def _miss(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
