"""A client that sends each mutation with a key, and again with the same one until it is answered."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, NamedTuple

Send = Callable[..., Awaitable[dict[str, Any]]]
# After these a client sends the same again. Any other error is a bug.
AGAIN = {"OUTCOME_UNKNOWN", "CONFLICT", "SERVICE_UNAVAILABLE", "TIMEOUT"}
SECONDS = 120.0


class NoAnswer(Exception):
    """The connection broke before the answer came."""


class Acknowledged(NamedTuple):
    """A mutation that was answered with data."""

    document: str
    input: dict[str, Any]
    payload: Any

    @property
    def key(self) -> str:
        return str(self.input["idempotencyKey"])


class Client:
    """Sends by `send(document, input=…)`, and now and then does not wait for the answer.

    `acknowledged` has what was answered, in that order, `again` why something was sent again, `reruns` why
    the server ran a transaction again, by the receipts that it gives in development.
    """

    def __init__(self, send: Send, random: Random, impatience: float = 0.1) -> None:
        self.acknowledged: list[Acknowledged] = []
        self.again: Counter[str] = Counter()
        self.reruns: Counter[str] = Counter()
        self._send = send
        self._random = random
        self._impatience = impatience

    async def mutate(self, document: str, **input: Any) -> Any:
        """The payload, when it comes."""
        input["idempotencyKey"] = f"{self._random.getrandbits(96):024x}"
        async with asyncio.timeout(SECONDS):
            payload = await self.payload(document, input)
        self.acknowledged.append(Acknowledged(document, input, payload))
        return payload

    async def differing(self, most: int = 10) -> list[Acknowledged]:
        """Which of some that were answered are answered otherwise when they are sent once more."""
        some = self._random.sample(self.acknowledged, min(most, len(self.acknowledged)))
        return [each for each in some if each.payload != await self.payload(each.document, each.input)]

    async def payload(self, document: str, input: dict[str, Any]) -> Any:
        """Of the one mutation in `document`, sent until it is answered with data."""
        while True:
            try:
                async with asyncio.timeout(self._patience()):
                    answer = await self._send(document, input=input)
            except (NoAnswer, TimeoutError) as error:
                self.again[type(error).__name__] += 1
            else:
                self.reruns.update(answer["extensions"]["receipt"]["retriedFor"])
                if "errors" not in answer:
                    (payload,) = answer["data"].values()
                    return payload
                (error,) = answer["errors"]
                code = error["extensions"]["code"]
                assert code in AGAIN, error
                self.again[code] += 1
            await asyncio.sleep(self._random.uniform(0, 0.1))

    def _patience(self) -> float | None:
        return self._random.uniform(0.005, 0.1) if self._random.random() < self._impatience else None
