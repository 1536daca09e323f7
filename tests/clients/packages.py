"""Programs of other languages that tests run: a folder each, built where its sources have changed since."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

NPM_CI = ["npm", "ci", "--silent", "--ignore-scripts", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
# What npm and a folder's own build make.
MADE = {"node_modules", "build", "generated", ".venv"}


@dataclass(frozen=True)
class Toolchain:
    """How a client in another language is built and run."""

    folder: str
    requires: str
    commands: list[list[str]]
    program: list[str]


def install(folder: Path) -> None:
    """Skip where there is no Node or npm cannot install; on CI that is a failure."""
    if missing := [program for program in ("node", "npm") if not shutil.which(program)]:
        _miss(f"no {' and no '.join(missing)} here")
    with _alone(folder):
        if _is_installed(folder):
            return
        done = subprocess.run(NPM_CI, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        _miss(f"npm cannot install what {folder.name} needs: {done.stderr.strip() or done.stdout.strip()}")


def build(folder: Path, *more: Path) -> None:
    """Run the folder's `build` script where its sources, or these, have changed since."""
    install(folder)
    _build(folder, [["npm", "run", "build", "--silent"]], more)


def compile_with(folder: Path, toolchain: Toolchain, *more: Path) -> None:
    """Build with another toolchain; skip where it does not exist. On CI that is a failure."""
    if not shutil.which(toolchain.requires):
        _miss(f"no {toolchain.requires} here")
    _build(folder, toolchain.commands, more)


def _build(folder: Path, commands: list[list[str]], more: Iterable[Path]) -> None:
    built = folder / "build" / ".built"
    with _alone(folder):
        changed = max(path.stat().st_mtime for path in [*sources(folder), *more])
        if built.exists() and built.stat().st_mtime >= changed:
            return
        # Not every builder makes the folder that it writes to.
        built.parent.mkdir(exist_ok=True)
        for command in commands:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            assert not done.returncode, done.stdout + done.stderr
        built.touch()


def run(folder: Path, script: str, *arguments: str) -> Any:
    """What a script of the folder prints, which is JSON."""
    return run_program(folder, "node", script, *arguments)


def run_program(folder: Path, *command: str) -> Any:
    """What a program prints, which is JSON."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def sources(folder: Path) -> Iterator[Path]:
    """The folder's files, but for what npm and its build made."""
    for path in folder.iterdir():
        if path.name not in MADE:
            yield from path.rglob("*") if path.is_dir() else [path]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While no other process of the tests installs or builds here."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_installed(folder: Path) -> bool:
    # npm writes it when all is there.
    installed, wanted = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime


def _miss(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
