"""Standard streams that cannot harm the process: closed ones, broken pipes, full disks."""

import io
import os
import sys
from typing import Any

STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


class LossyFile(io.FileIO):
    """A file that drops what cannot be written to it now."""

    def write(self, data: Any) -> int:
        try:
            written = super().write(data)
        except OSError:
            written = None
        # None comes from a non-blocking pipe that is full.
        return len(data) if written is None else written


def open_closed_streams() -> None:
    """Open those that are closed, on the null device.

    Otherwise the first socket or database file gets the number of standard output.
    """
    for name, mode in STREAMS:
        if getattr(sys, name) is None:
            # Without closefd it would be closed again with the object, which others may replace.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, closefd=False))


def drop_unwritable_output() -> None:
    """From now on, an error when writing to standard output or standard error is ignored.

    A server goes on when its log's reader has ended, its terminal was closed or its disk is full.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        lossy = io.BufferedWriter(LossyFile(stream.fileno(), "wb", closefd=False))
        setattr(sys, name, io.TextIOWrapper(lossy, stream.encoding, stream.errors, line_buffering=True))


def discard_unwritten_output() -> None:
    """Forget what standard output still holds and cannot write: Python would report it at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
