"""How long a connection may take to say what it wants; one that says it slowly, or not at all, is closed."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Patient(HttpToolsProtocol):
    """Uvicorn's protocol, which by itself waits for a request's headers without end.

    Between two requests it waits as long as uvicorn keeps connections alive.
    """

    seconds: float
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def _wait(self) -> None:
        self._stop_waiting()
        self._waiting = self.loop.call_later(self.seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()

    def _give_up(self) -> None:
        # The request before it may still be under way.
        if self.cycle is not None and not self.cycle.response_complete:
            self._wait()
        else:
            self.transport.close()


def patient(seconds: float) -> type[Patient]:
    """A protocol that waits so long for the headers of a request."""
    return type("Patient", (Patient,), {"seconds": seconds})
