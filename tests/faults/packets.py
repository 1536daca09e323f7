"""What a client says to TiDB, packet by packet, and what may happen to it on the way."""

import re
from asyncio import StreamReader
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

HEADER = 4
QUERY = 0x03
COMMIT = re.compile(r"\s*COMMIT\s*;?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Packet:
    """A command as the client sent it: its first byte, and the rest as text."""

    command: int
    text: str

    @property
    def is_commit(self) -> bool:
        return self.command == QUERY and COMMIT.fullmatch(self.text) is not None


class Fault(Enum):
    """What may happen to a statement."""

    # It never reaches TiDB, and both sides are closed.
    BEFORE = "cut before"
    # TiDB runs it, and both sides are closed instead of its answer.
    AFTER = "cut after"
    # TiDB runs it, and both sides are closed after half of its answer.
    WITHIN = "cut within the answer of"
    # TiDB runs it, and its answer is changed.
    GARBLED = "garbled the answer of"
    # TiDB runs it, and its answer never comes; both sides stay open.
    DROPPED = "answer dropped"
    # TiDB gets it late, also when its client has given up meanwhile.
    STALLED = "stalled"


class Break(Enum):
    """How the peer of a connection goes away."""

    # Both sides are closed, after what was already forwarded.
    CLOSED = "closed"
    # TCP RST, as of a load balancer that has forgotten the connection.
    RESET = "reset"
    # TCP FIN without a goodbye of TLS, and RST to whatever the client still sends.
    FIN = "fin"
    # TCP FIN, while TiDB goes on getting and running what the client sends.
    HALF_CLOSED = "half-closed"
    # Nothing passes either way, and nothing is closed.
    BLACK_HOLE = "black hole"


@dataclass
class Cut:
    """A fault of the next statements that match; in each way but CLOSED all connections break with it."""

    pattern: re.Pattern[str]
    fault: Fault
    times: int
    how: Break = Break.CLOSED
    change: Callable[[bytes], bytes] = bytes


def beginning_with(text: str) -> re.Pattern[str]:
    """Matches statements that begin so, in either case."""
    return re.compile(re.escape(text) + ".*", re.IGNORECASE | re.DOTALL)


async def read_packet(stream: StreamReader) -> bytes:
    """Return the next packet: three bytes of length, a sequence number, and so many bytes."""
    header = await stream.readexactly(HEADER)
    return header + await stream.readexactly(int.from_bytes(header[:3], "little"))
