"""A TCP proxy between a client and TiDB that sees each command and breaks connections on cue."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from tests.faults.packets import COMMIT, HEADER, QUERY, Cut, Fault, Packet, beginning_with, read_packet

HOST = "127.0.0.1"


@dataclass(eq=False)
class Link:
    """A client's connection and the one to TiDB that belongs to it."""

    client: StreamWriter
    server: StreamWriter
    fault: Fault | None = None

    def close(self) -> None:
        """Close both sides after what was already forwarded."""
        self.client.close()
        self.server.close()

    def cut(self) -> None:
        """Close both sides at once, whatever is still under way."""
        self.client.transport.abort()
        self.server.transport.abort()


class TidbProxy:
    """A free port on loopback that leads to the TiDB at `address`, and the faults to be had on the way.

    cut_before_commit: the next COMMIT never reaches TiDB, and both sides are closed.
    cut_after_commit: the next COMMIT is done, and both sides are closed instead of its answer.
    drop_answer: the same for the next statement that begins with some text.
    at_random: each statement has the fault, if any, that a function draws for it.
    stall, resume: nothing passes either way while all connections stay open.
    cut: all connections of this moment are closed.
    refuse: new connections are accepted and closed at once.

    It understands packets and commands without TLS. `packets` holds the commands of all clients in
    the order of their arrival, `connections` says how many connections were accepted, and `cuts` how
    often each fault was had, by its place.
    """

    def __init__(self, address: str) -> None:
        self.packets: list[Packet] = []
        self.connections = 0
        self.cuts: Counter[str] = Counter()
        self.stall_seconds = 0.5
        self.host, self.port = HOST, 0
        self._target = sa.make_url(address)
        self._cuts: list[Cut] = []
        self._draw: Callable[[Packet], Fault | None] = lambda _: None
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refuses = False
        self._flow = asyncio.Event()
        self._flow.set()

    def url(self, database: str = "") -> str:
        """Return the address of `database` through this proxy, as the settings take it."""
        url = self._target.set(host=HOST, port=self.port, database=database)
        return url.render_as_string(hide_password=False)

    def clear(self) -> None:
        """Forget what was seen so far; faults stay set."""
        self.packets.clear()
        self.connections = 0

    @property
    def statements(self) -> list[str]:
        """The SQL texts among `packets`."""
        return [packet.text for packet in self.packets if packet.command == QUERY]

    def cut_before_commit(self, times: int = 1) -> None:
        """Close the connections at each of the next `times` COMMITs, which TiDB never gets."""
        self._cuts.append(Cut(COMMIT, Fault.BEFORE, times))

    def cut_after_commit(self, times: int = 1) -> None:
        """Close the connections after each of the next `times` COMMITs, without its answer."""
        self._cuts.append(Cut(COMMIT, Fault.AFTER, times))

    def drop_answer(self, beginning: str, times: int = 1) -> None:
        """Do so after the next `times` statements with that beginning, in either case."""
        self._cuts.append(Cut(beginning_with(beginning), Fault.AFTER, times))

    def at_random(self, draw: Callable[[Packet], Fault | None]) -> None:
        """Ask `draw` for the fault of each statement, until `mend`."""
        self._draw = draw

    def mend(self) -> None:
        """Forget the faults that are still to come."""
        self._cuts.clear()
        self._draw = lambda _: None

    def stall(self) -> None:
        """Pass nothing on, either way, until `resume`; also the end of a connection."""
        self._flow.clear()

    def resume(self) -> None:
        """Pass on what was held back since `stall`, and go on."""
        self._flow.set()

    def cut(self) -> None:
        """Close all connections of this moment."""
        for link in self._links:
            link.cut()

    def refuse(self, refuses: bool) -> None:
        """Accept new connections and close them at once, or stop doing so."""
        self._refuses = refuses

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._accept, HOST, 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.connections += 1
        if self._refuses:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            target = self._target.host, self._target.port or 4000
            answers, server = await asyncio.open_connection(*target)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, server)
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._forward_commands(reader, link))
                both.create_task(self._forward_answers(answers, link))
        finally:
            link.cut()
            self._links.discard(link)

    async def _forward_commands(self, commands: StreamReader, link: Link) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                packet = await read_packet(commands)
                fault = self._note(packet)
                await self._flow.wait()
                if fault is Fault.BEFORE:
                    break
                if fault is Fault.STALLED:
                    await asyncio.sleep(self.stall_seconds)
                link.fault = fault
                link.server.write(packet)
                await link.server.drain()
        link.close()

    async def _forward_answers(self, answers: StreamReader, link: Link) -> None:
        with suppress(OSError):
            while answer := await answers.read(65536):
                await self._flow.wait()
                if link.fault is Fault.AFTER:
                    break
                if link.fault is Fault.DROPPED:
                    continue
                link.client.write(answer)
                await link.client.drain()
        link.close()

    def _note(self, packet: bytes) -> Fault | None:
        # A sequence number above 0 continues something: the login, or a packet of 16 MiB.
        if packet[3] != 0 or len(packet) == HEADER:
            return None
        seen = Packet(packet[HEADER], packet[HEADER + 1 :].decode(errors="replace"))
        self.packets.append(seen)
        fault = self._fault_of(seen) if seen.command == QUERY else None
        if fault is not None:
            self.cuts[f"{fault.value} {'COMMIT' if seen.is_commit else 'another statement'}"] += 1
        return fault

    def _fault_of(self, packet: Packet) -> Fault | None:
        for cut in self._cuts:
            if cut.times and cut.pattern.fullmatch(packet.text):
                cut.times -= 1
                return cut.fault
        return self._draw(packet)
