"""The server process: its listening socket, signals and graceful shutdown."""

import ctypes
import errno
import gc
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from math import inf
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette

from graph.console import Console
from graph.http.health import Health
from graph.http.http1 import Http1Connections
from graph.settings import Settings

# Seconds for COMMIT and for sending the response after a request's deadline.
GRACE_SECONDS = 5
BACKLOG = 2048
# Bytes that the kernel buffers per connection beyond the client's receive window; megabytes by default.
MAX_UNSENT_BYTES = 65_536
# File descriptors besides clients' connections: the database's, and those above the connection limit.
OTHER_OPEN_FILES = 1_000

# Parameters of glibc's mallopt, and their values. By default glibc raises the threshold up to 32 MB, keeps
# freed blocks below it, and has many arenas: memory of bodies and results would stay allocated.
M_MMAP_THRESHOLD, MMAP_THRESHOLD = -3, 131_072
M_ARENA_MAX, ARENA_MAX = -8, 2

Address = tuple[str, int]


class ListenError(Exception):
    """The address is in use, not of this machine, or needs authentication; the message is one line."""


def is_loopback(host: str) -> bool:
    """Whether the address is reachable from this machine only. Other names than localhost may not be."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int, *, loopback_only: bool) -> socket.socket:
    """A socket bound to the address, not listening yet.

    Raises ListenError, also for other addresses than loopback with `loopback_only`.
    """
    if loopback_only and not is_loopback(host):
        raise ListenError(f"{host!r} is not a loopback address: set TIDEGRAPH_AUTH, or use --insecure")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return _bind(*found[0])
    except OSError as error:
        raise _listen_error(error, host, port) from error


def _bind(family: int, kind: int, protocol: int, _name: str, address: Any) -> socket.socket:
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            # Accepted connections inherit it.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT_BYTES)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _listen_error(error: OSError, host: str, port: int) -> ListenError:
    if error.errno != errno.EADDRINUSE:
        return ListenError(f"cannot listen on {host}:{port}: {error.strerror}")
    other = port % 65535 + 1
    return ListenError(f"port {port} of {host} is in use: use --port {other}, or make run PORT={other}")


class Server(uvicorn.Server):
    """Uvicorn with a drain period: readiness fails first, and it stops listening `shutdown_delay` later."""

    def __init__(self, app: Starlette, settings: Settings, console: Console, address: Address) -> None:
        self._health: Health = app.state.health
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                http=Http1Connections(settings, lambda: self._health.draining),  # type: ignore[arg-type]
                ws="none",
                # Otherwise a pipelined request would log the trace ID of the request before it.
                reset_contextvars=True,
                backlog=BACKLOG,
                timeout_keep_alive=settings.keep_alive_timeout,  # type: ignore[arg-type]
                timeout_graceful_shutdown=round(settings.body_timeout + settings.request_timeout)
                + GRACE_SECONDS,
            )
        )
        self._delay = settings.shutdown_delay
        self._console, self._address = console, address
        self._signal: int | None = None
        self._stop_at = inf

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # Objects that exist now live as long as the process, so the garbage collector skips them.
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        self._console.serving(*self._address)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn's signals, and SIGHUP unless it is ignored, as under `nohup`."""
        with super().capture_signals():
            previous = signal.getsignal(signal.SIGHUP)
            if previous != signal.SIG_IGN:
                signal.signal(signal.SIGHUP, self.handle_exit)
            try:
                yield
            finally:
                signal.signal(signal.SIGHUP, previous)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT stops at once, SIGTERM and SIGHUP after the delay. A second signal ends the delay."""
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
        # Not in the signal handler, which may have interrupted another write to the log.
        self._console.stopped(signal.Signals(self._signal or signal.SIGTERM))


def return_freed_memory() -> None:
    """Have glibc return large blocks to the system when they are freed. Other C libraries do it anyway."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD)
        libc.mallopt(M_ARENA_MAX, ARENA_MAX)


def raise_file_limit(wanted: int) -> None:
    """Raise the limit of open files as far as allowed: each connection needs a file descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def serve(app: Starlette, settings: Settings, console: Console, listener: socket.socket, host: str) -> None:
    """Serve until a signal; requests accepted before it are answered. Raises ListenError."""
    port: int = listener.getsockname()[1]
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        # Two processes can bind the same address until one of them listens.
        raise _listen_error(error, host, port) from error
    return_freed_memory()
    raise_file_limit(settings.connection_limit + OTHER_OPEN_FILES)
    Server(app, settings, console, (host, port)).run(sockets=[listener])
