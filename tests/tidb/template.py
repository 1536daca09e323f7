"""The data of a TiDB's first start, which takes it seconds, kept for all later servers."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.tidb import build

# What follows the log's last entry also tells TiDB that it is the last.
MARGIN = 4096


def copy_to(data: Path) -> bool:
    """Fill `data` as after a first start, if a server of this release was ever started here."""
    kept = _kept()
    if kept.is_dir():
        shutil.copytree(kept, data)
    return kept.is_dir()


def keep(data: Path) -> None:
    """Keep a copy of `data`, those of a server that was stopped right after its first start."""
    with TemporaryDirectory(dir=build.folder()) as folder:
        copy = shutil.copytree(data, Path(folder) / "data")
        for log in copy.glob("kv/*.vlog"):
            _cut_off_zeros(log)
        # It fails when another server has kept its own in the meantime, which is as good.
        with suppress(OSError):
            copy.rename(_kept())


def _kept() -> Path:
    return build.folder() / "data"


def _cut_off_zeros(log: Path) -> None:
    """Keep what was written: TiDB reserves 256 MiB for each log."""
    os.truncate(log, len(log.read_bytes().rstrip(b"\0")) + MARGIN)
