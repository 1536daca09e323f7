"""The keys of tokens: loaded when they are needed, again when they change, and not for every token."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from db.engine.deadline import Deadline
from graph.auth import jwks as module
from graph.auth.jwks import JwkSet
from graph.errors import RequestError
from tests.tokens import jwks, jwks_file, public

NEVER = Deadline.none()
ES256, RS256, EDDSA = public("ES256"), public("RS256"), public("EdDSA")


class Provider:
    """Answers with `body` and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked, self.status, self.body = 0, 200, jwks(ES256)
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                self.send_response(provider.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(provider.body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"


@pytest.fixture
def provider() -> Iterator[Provider]:
    """On loopback, in a thread."""
    provider = Provider()
    thread = threading.Thread(target=provider.server.serve_forever, args=(0.05,))
    thread.start()
    yield provider
    provider.server.shutdown()
    thread.join()
    provider.server.server_close()


async def found(keys: JwkSet, *kids: str) -> list[bool]:
    return [await keys.find(kid, NEVER) is not None for kid in kids]


async def test_keys_are_loaded_once(provider: Provider) -> None:
    """By the first token, and not again while it lasts; many at once are one request."""
    keys = JwkSet(provider.url)
    together = await asyncio.gather(*(found(keys, "ES256") for _ in range(10)))
    later = await found(keys, "ES256")

    assert [[True]] * 11 == [*together, later]
    assert 1 == provider.asked


async def test_an_unknown_key_may_be_a_new_one(provider: Provider) -> None:
    """Keys rotate without a restart: the set is loaded again for a key that it lacks."""
    keys = JwkSet(provider.url, pause=0)
    first = await found(keys, "ES256", "RS256")
    provider.body = jwks(RS256)

    assert [True, False] == first
    assert [True, False] == await found(keys, "RS256", "ES256")


async def test_unknown_keys_do_not_load_without_bound(provider: Provider) -> None:
    """Whoever makes ids up makes the server ask once, and no more before the pause is over."""
    keys = JwkSet(provider.url, pause=60)
    unknown = await found(keys, *(f"made up {number}" for number in range(50)))

    assert [False] * 50 == unknown
    assert 1 == provider.asked
    assert [True] == await found(keys, "ES256")


async def test_a_key_that_was_taken_out_is_forgotten(tmp_path: Path) -> None:
    """When the set is no longer fresh, the next token has it loaded again; a file is read likewise."""
    keys = JwkSet(jwks_file(tmp_path, ES256), fresh=0, pause=0)
    first = await found(keys, "ES256")
    jwks_file(tmp_path, EDDSA)
    await found(keys, "ES256")
    # Whoever comes with an unknown key waits until they are loaded.
    await found(keys, "made up")

    assert [True] == first
    assert [False, True] == await found(keys, "ES256", "EdDSA")


NONSENSE = [
    "{",
    "[]",
    "[" * 100_000,
    '{"keys": []}',
    jwks({**RS256, "alg": "none"}),
    jwks({**RS256, "alg": ["RS256"]}),
]


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, ""), (302, ""), *((200, body) for body in NONSENSE)],
    ids=["failure", "redirect", "no JSON", "a list", "deep", "no keys", "alg none", "alg a list"],
)
async def test_keys_last_while_the_provider_is_ill(status: int, body: str, provider: Provider) -> None:
    """An outage of its, or nonsense, keeps those out who come with new keys, and nobody else."""
    keys = JwkSet(provider.url, fresh=0, pause=0)
    await found(keys, "ES256")
    provider.status, provider.body = status, body
    answers = await found(keys, "RS256", "ES256")
    provider.status, provider.body = 200, jwks(RS256)

    assert [False, True] == answers
    assert [True] == await found(keys, "RS256")


async def test_without_keys_nobody_is_refused_for_good(provider: Provider) -> None:
    """It is the server that cannot tell: 503, until the provider answers; a redirect is not followed."""
    provider.status = 302
    keys = JwkSet(provider.url, pause=0)
    with pytest.raises(RequestError) as caught:
        await keys.find("ES256", NEVER)
    asked = provider.asked
    provider.status = 200

    assert (503, "10") == (caught.value.status, caught.value.headers["Retry-After"])
    assert ["SERVICE_UNAVAILABLE"] == [(error.extensions or {})["code"] for error in caught.value.errors]
    assert 1 == asked
    assert [True] == await found(keys, "ES256")


async def test_keys_are_not_trusted_for_ever(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an hour without the provider they may have been taken back."""
    keys = JwkSet(provider.url, pause=60)
    await found(keys, "ES256")
    monkeypatch.setattr(module, "MAX_STALE", 0)
    with pytest.raises(RequestError):
        await keys.find("ES256", NEVER)
