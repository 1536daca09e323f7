"""A TCP proxy between a client and TiDB that sees each command and breaks connections on cue."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from tests.faults import login
from tests.faults.packets import (
    COMMIT,
    HEADER,
    QUERY,
    Break,
    Cut,
    Fault,
    Packet,
    beginning_with,
    read_packet,
)

HOST = "127.0.0.1"


@dataclass(eq=False)
class Link:
    """A client's connection and the one to TiDB that belongs to it."""

    client: StreamWriter
    server: StreamWriter
    fault: Fault | None = None
    how: Break = Break.CLOSED
    change: Callable[[bytes], bytes] = bytes
    # The latest statement.
    statement: str = ""
    drops_commands: bool = False
    drops_answers: bool = False

    def close(self) -> None:
        """Close both sides after what was already forwarded."""
        self.client.close()
        self.server.close()

    def cut(self) -> None:
        """Close both sides at once, whatever is still under way."""
        self.client.transport.abort()
        self.server.transport.abort()

    def end(self, how: Break) -> None:
        """Let the client's peer go away like that."""
        if how is Break.CLOSED:
            self.close()
        elif how is Break.BLACK_HOLE:
            self.drops_commands = self.drops_answers = True
        elif how is Break.HALF_CLOSED:
            self.drops_answers = True
            # asyncio has no such thing for TLS; the copy is of the descriptor only.
            with socket.socket(fileno=os.dup(self._socket.fileno())) as copy, suppress(OSError):
                copy.shutdown(socket.SHUT_WR)
        else:
            if how is Break.RESET:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.cut()

    @property
    def _socket(self) -> socket.socket:
        found: socket.socket = self.client.get_extra_info("socket")
        return found


class TidbProxy:
    """A free port on loopback that leads to the TiDB at `address`, and the faults to be had on the way.

    cut_before_commit: the next COMMIT never reaches TiDB, and both sides are closed.
    cut_after_commit: the next COMMIT is done, and both sides are closed instead of its answer.
    drop_answer: the same for the next statement that begins with some text.
    at_random: each statement has the fault, if any, that a function draws for it.
    stall, resume: nothing passes either way while all connections stay open.
    cut: all connections of this moment are closed.
    refuse: new connections are accepted and closed at once.
    break_at: all connections break, in one of several ways, at the next statement that begins with some text.
    break_links: they do so at once.
    break_logins: new ones do so instead of getting a greeting.
    garble: an answer is changed on its way.

    With `tls` it takes clients that ask for TLS, and talks to TiDB without. `packets` holds the commands of
    all clients in the order of their arrival, `connections` says how many connections were accepted, and
    `cuts` how often each fault was had, by its place.
    """

    def __init__(self, address: str, tls: ssl.SSLContext | None = None) -> None:
        self.packets: list[Packet] = []
        self.tls = tls
        self.struck = asyncio.Event()
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
        self._logins: Break | None = None
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

    def break_at(self, beginning: str, fault: Fault, how: Break) -> None:
        """Break all connections at the next statement with that beginning, and set `struck` then."""
        self._cuts.append(Cut(beginning_with(beginning), fault, 1, how))

    def garble(self, beginning: str, change: Callable[[bytes], bytes]) -> None:
        """Change the answer of the next statement with that beginning."""
        self._cuts.append(Cut(beginning_with(beginning), Fault.GARBLED, 1, change=change))

    def break_links(self, how: Break, last: str = "") -> None:
        """Break the connections of this moment, or those whose latest statement begins with `last`."""
        self.struck.set()
        for link in list(self._links):
            if link.statement.startswith(last):
                link.end(how)

    def break_logins(self, how: Break | None) -> None:
        """Break each new connection instead of greeting it, or stop doing so."""
        self._logins = how

    async def ended(self) -> None:
        """Wait until the clients have closed their ends of all connections."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def __aenter__(self) -> Self:
        self._socket = socket.create_server((HOST, 0))
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        self._listener = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in (self._listener, *self._tasks):
            task.cancel()
        await asyncio.gather(self._listener, *self._tasks, return_exceptions=True)
        self._socket.close()

    async def _listen(self) -> None:
        while True:
            accepted, _ = await asyncio.get_running_loop().sock_accept(self._socket)
            self.connections += 1
            if self._refuses:
                accepted.close()
                continue
            task = asyncio.create_task(self._connect(accepted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self, accepted: socket.socket) -> None:
        """Take a client to TiDB, until both have closed."""
        with suppress(OSError, asyncio.IncompleteReadError):
            target = self._target.host, self._target.port or 4000
            try:
                answers, server = await asyncio.open_connection(*target)
            except OSError:
                accepted.close()
                raise
            try:
                if self._logins is None and self.tls is not None:
                    commands, client = await login.accept_tls(accepted, self.tls, answers, server)
                else:
                    commands, client = await login.streams(accepted)
            except BaseException:
                server.transport.abort()
                raise
            await self._forward(commands, answers, Link(client, server))

    async def _forward(self, commands: StreamReader, answers: StreamReader, link: Link) -> None:
        if self._logins is not None:
            link.end(self._logins)
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._forward_commands(commands, link))
                both.create_task(self._forward_answers(answers, link))
        finally:
            link.cut()
            self._links.discard(link)

    async def _forward_commands(self, commands: StreamReader, link: Link) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                packet = await read_packet(commands)
                fault = self._note(packet, link)
                await self._flow.wait()
                if fault is Fault.BEFORE:
                    self._break(link)
                if link.server.is_closing():
                    break
                if fault is Fault.STALLED:
                    await asyncio.sleep(self.stall_seconds)
                link.fault = fault
                if not link.drops_commands:
                    link.server.write(packet)
                    await link.server.drain()
        link.close()

    async def _forward_answers(self, answers: StreamReader, link: Link) -> None:
        with suppress(OSError):
            while answer := await answers.read(65536):
                await self._flow.wait()
                if link.fault is Fault.DROPPED:
                    continue
                if link.fault is Fault.GARBLED:
                    answer = link.change(answer)
                    link.fault = None
                if link.fault in {Fault.AFTER, Fault.WITHIN}:
                    half = b"" if link.fault is Fault.AFTER else answer[: len(answer) // 2]
                    await self._send(half, link)
                    self._break(link)
                    link.fault = None
                elif not link.drops_answers:
                    await self._send(answer, link)
        # A black hole stays open; what ends it is the client.
        if not link.drops_answers:
            link.close()

    async def _send(self, answer: bytes, link: Link) -> None:
        # uvloop raises it when the client has gone.
        with suppress(RuntimeError):
            link.client.write(answer)
            await link.client.drain()

    def _break(self, link: Link) -> None:
        if link.how is Break.CLOSED:
            link.close()
        else:
            self.break_links(link.how)

    def _note(self, packet: bytes, link: Link) -> Fault | None:
        # A sequence number above 0 continues something: the login, or a packet of 16 MiB.
        if packet[3] != 0 or len(packet) == HEADER:
            return None
        seen = Packet(packet[HEADER], packet[HEADER + 1 :].decode(errors="replace"))
        self.packets.append(seen)
        if seen.command != QUERY:
            return None
        link.statement, link.how = seen.text, Break.CLOSED
        fault = self._fault_of(seen, link)
        if fault is not None:
            self.cuts[f"{fault.value} {'COMMIT' if seen.is_commit else 'another statement'}"] += 1
        return fault

    def _fault_of(self, packet: Packet, link: Link) -> Fault | None:
        for cut in self._cuts:
            if cut.times and cut.pattern.fullmatch(packet.text):
                cut.times -= 1
                link.how, link.change = cut.how, cut.change
                return cut.fault
        return self._draw(packet)
