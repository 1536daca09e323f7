"""The process that listens: its socket, its signals, and how it ends without cutting an answer."""

import errno
import gc
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from math import inf
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette

from graph.console import Notes
from graph.http.health import Health
from graph.http.http1 import Http1Connections
from graph.settings import Settings

# What a request may still take, after its deadline, to store and send its answer.
GRACE = 5
BACKLOG = 2048
# Bytes per connection that the kernel buffers beyond the client's receive window; by default, megabytes.
UNSENT = 65_536
# Besides clients' connections: the database's, and those that are told that there are too many.
OTHER_FILES = 1_000

Address = tuple[str, int]


class CannotListen(Exception):
    """The address is taken, not ours, or open to strangers; the message is one line."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it; a name other than localhost may be anywhere."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int, *, guarded: bool) -> socket.socket:
    """A socket that has the address, and does not listen yet; beyond loopback only if it is `guarded`.

    Raises CannotListen.
    """
    if not guarded and not is_loopback(host):
        raise CannotListen(f"{host!r} is beyond loopback: set TIDEGRAPH_AUTH, or say --insecure")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return _bound(*found[0])
    except OSError as error:
        raise _cannot_listen(error, host, port) from error


def _bound(family: int, kind: int, protocol: int, _name: str, address: Any) -> socket.socket:
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            # Its connections inherit it.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _cannot_listen(error: OSError, host: str, port: int) -> CannotListen:
    if error.errno != errno.EADDRINUSE:
        return CannotListen(f"cannot listen on {host}, port {port}: {error.strerror}")
    other = port % 65535 + 1
    return CannotListen(f"port {port} of {host} is in use: take --port {other}, or make run PORT={other}")


class Server(uvicorn.Server):
    """Uvicorn that, told to end, first says so to the readiness probe and listens on for a moment."""

    def __init__(self, app: Starlette, settings: Settings, notes: Notes, address: Address) -> None:
        self._health: Health = app.state.health
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                http=Http1Connections(settings, lambda: self._health.draining),  # type: ignore[arg-type]
                ws="none",
                # Or a request sent ahead would log the trace of the one before it.
                reset_contextvars=True,
                backlog=BACKLOG,
                timeout_keep_alive=settings.keep_alive_timeout,  # type: ignore[arg-type]
                timeout_graceful_shutdown=round(settings.body_timeout + settings.request_timeout) + GRACE,
            )
        )
        self._delay = settings.shutdown_delay
        self._notes, self._address = notes, address
        self._signal: int | None = None
        self._stop_at = inf

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is here now stays: the collector need not look at it again with every request.
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        self._notes.serving(*self._address)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn's signals and SIGHUP, unless it is ignored, as `nohup` asks for."""
        with super().capture_signals():
            previous = signal.getsignal(signal.SIGHUP)
            if previous != signal.SIG_IGN:
                signal.signal(signal.SIGHUP, self.handle_exit)
            try:
                yield
            finally:
                signal.signal(signal.SIGHUP, previous)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT drains at once, SIGTERM and SIGHUP after the delay, which a second signal ends."""
        if self._signal is not None:
            self.force_exit = self.should_exit and sig == signal.SIGINT
            self.should_exit = True
            return
        self._health.draining = True
        self._signal = sig
        self._stop_at = time.monotonic() + (0 if sig == signal.SIGINT else self._delay)

    async def on_tick(self, counter: int) -> bool:
        if time.monotonic() >= self._stop_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        # Not in the signal's handler, which may have interrupted another line of the same log.
        self._notes.stopped(signal.Signals(self._signal or signal.SIGTERM))


def raise_file_limit(wanted: int) -> None:
    """As near to it as this process may: each connection is an open file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def serve(app: Starlette, settings: Settings, notes: Notes, listener: socket.socket, host: str) -> None:
    """Serve until a signal; what was accepted before it is answered. Raises CannotListen."""
    port: int = listener.getsockname()[1]
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        # Two may have the same address until one of them listens.
        raise _cannot_listen(error, host, port) from error
    raise_file_limit(settings.connection_limit + OTHER_FILES)
    Server(app, settings, notes, (host, port)).run(sockets=[listener])
