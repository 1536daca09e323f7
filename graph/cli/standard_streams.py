"""Standard streams: makes closed streams, broken pipes and full disks harmless."""

import io
import os
import sys
from typing import Any

STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


class LossyFile(io.FileIO):
    """A file that drops output that cannot be written."""

    def write(self, data: Any) -> int:
        try:
            written = super().write(data)
        except OSError:
            written = None
        # A full non-blocking pipe returns None.
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
    """Drop buffered output that cannot be written. Python would report it at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
