"""JSON Web Tokens: those of the provider are let in, and no other, however nearly it is one."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from db.engine.database import Database
from db.engine.deadline import Deadline
from graph.auth.callers import Caller, Unauthenticated
from graph.auth.json_web_tokens import CLOCK_SKEW, JwtVerifier, scopes_of
from graph.auth.jwks import ALGORITHMS, JwkSet
from graph.auth.scopes import EVERY_SCOPE, Scope
from tests.api import Api
from tests.api_key_factory import bearer, create_key
from tests.conftest import on_sqlite
from tests.shared_tidb import Statements
from tests.tokens import AUDIENCE, ISSUER, PRIVATE, SETTINGS, claims, jwks_file, public, token

READ = {"query": "{ customers { nodes { username } } }"}
CREATE = """
mutation {
  createCustomer(input: {username: "ada", name: "Ada"}) { customer { history { nodes { principal } } } }
}
"""
PEM = PRIVATE["RS256"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
NOW = int(time.time())


def segment(content: Any) -> str:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def unsigned(header: dict[str, Any], signature: bytes = b"") -> str:
    """A token as anybody can write it."""
    return f"{segment(header)}.{segment(claims())}.{segment(signature)}"


def by_hmac(secret: bytes, **header: Any) -> str:
    """Signed with what everybody knows, for a server that takes the token's word for the algorithm."""
    text = f"{segment({'alg': 'HS256', 'typ': 'JWT', **header})}.{segment(claims())}"
    return f"{text}.{segment(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def tampered() -> str:
    """Other claims under a good signature."""
    header, _, signature = token(scope="orders:read").split(".")
    return f"{header}.{segment(claims())}.{signature}"


REFUSED = {
    "alg none": unsigned({"alg": "none", "kid": "RS256"}),
    "alg None": unsigned({"alg": "None", "kid": "RS256"}, b"x"),
    "no alg": unsigned({"kid": "RS256"}),
    "unsigned": unsigned({"alg": "RS256", "kid": "RS256"}),
    "HS256 with the public key": by_hmac(PEM, kid="RS256"),
    "HS256 with the JWK": by_hmac(json.dumps(public("RS256")).encode(), kid="RS256"),
    "HS256 with nothing": by_hmac(b"", kid="RS256"),
    "HS256 of the set's own": by_hmac(b"everybody knows it", kid="oct"),
    "PS256": jwt.encode(claims(), PRIVATE["RS256"], "PS256", {"kid": "RS256"}),
    "RS512": jwt.encode(claims(), PRIVATE["RS256"], "RS512", {"kid": "RS256"}),
    "another's algorithm": token("ES256", headers={"kid": "RS256"}),
    "another's key": token(key=rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    "another's curve key": token("ES256", key=ec.generate_private_key(ec.SECP256R1())),
    "tampered": tampered(),
    "a key in the header": token(
        key=(own := rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        headers={"jwk": public("RS256", own)},
    ),
    "an encryption key": token("ES256", headers={"kid": "enc"}),
    "a short key": token(
        key=(short := rsa.generate_private_key(public_exponent=65537, key_size=1024)),
        headers={"kid": "short"},
    ),
    "unknown kid": token(headers={"kid": "other"}),
    "no kid": jwt.encode(claims(), PRIVATE["RS256"], "RS256"),
    "kid of another type": unsigned({"alg": "RS256", "kid": 1}),
    "unknown crit": token(headers={"crit": ["http://example.com/stop"], "http://example.com/stop": True}),
    "expired": token(exp=NOW - CLOCK_SKEW - 5),
    "without expiry": token(exp=None),
    "expiry as text": token(exp="tomorrow"),
    "not yet valid": token(nbf=NOW + CLOCK_SKEW + 600),
    "issued in the future": token(iat=NOW + CLOCK_SKEW + 600),
    "wrong issuer": token(iss=ISSUER.rstrip("/")),
    "issuers": token(iss=[ISSUER]),
    "issuer of another type": token(iss={"iss": ISSUER}),
    "subject of another type": token(sub=7),
    "audience of another type": token(aud=[7]),
    "audience in an object": token(aud={AUDIENCE: True}),
    "valid from infinity": token(nbf=float("inf")),
    "issued at infinity": token(iat=float("inf")),
    "expiry infinite": token(exp=float("inf")),
    "expiry no number": token(exp=float("nan")),
    "without issuer": token(iss=None),
    "wrong audience": token(aud=AUDIENCE + "/"),
    "other audiences": token(aud=["https://a.example", "https://b.example"]),
    "without audience": token(aud=None),
    "without subject": token(sub=None),
    "empty subject": token(sub=""),
    "long subject": token(sub="s" * 241),
    "unprintable subject": token(sub="ada\n"),
    "subject with NUL": token(sub="ada\0"),
    "not JSON": f"{segment(b'{')}.{segment(b'{')}.{segment(b'x')}",
    "a list": f"{segment([])}.{segment([])}.{segment(b'x')}",
    "dots": "..",
    "letters": "a.b.c",
}
LEFT_OUT = [
    {"kty": "oct", "kid": "oct", "k": segment(b"everybody knows it")},
    public("ES256", kid="enc", use="enc"),
    public("RS256", short, kid="short"),
]


@pytest.fixture
def source(tmp_path: Path) -> str:
    """The provider's keys, and some that are not for this."""
    return jwks_file(tmp_path, *map(public, PRIVATE), *LEFT_OUT)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_of_the_provider_is_let_in(algorithm: str, database: Database, source: str) -> None:
    """By each algorithm; what it changes is its subject's."""
    async with Api.of(database, **SETTINGS, jwt_jwks=source) as api:
        answer = await api.client.post("/graphql", json={"query": CREATE}, headers=bearer(token(algorithm)))

    customer = answer.json()["data"]["createCustomer"]["customer"]
    assert [{"principal": "jwt:ada"}] == customer["history"]["nodes"]


@on_sqlite
@pytest.mark.parametrize("name", REFUSED)
async def test_no_other_token_is(name: str, database: Database, source: str, statements: Statements) -> None:
    """With one message for all, and no statement."""
    async with Api.of(database, **SETTINGS, jwt_jwks=source) as api:
        answer = await api.client.post("/graphql", json=READ, headers=bearer(REFUSED[name]))

    assert 401 == answer.status_code
    assert 'Bearer realm="tidegraph"' == answer.headers["www-authenticate"]
    (error,) = answer.json()["errors"]
    expected = "The token is invalid or expired."
    assert (expected, "UNAUTHENTICATED") == (error["message"], error["extensions"]["code"])
    assert [] == statements


@on_sqlite
async def test_clocks_may_differ_a_little(database: Database, source: str) -> None:
    """By less than CLOCK_SKEW seconds, either way."""
    late = token(exp=int(time.time()) - CLOCK_SKEW + 10)
    early = token(iat=int(time.time()) + CLOCK_SKEW - 10, nbf=int(time.time()) + CLOCK_SKEW - 10)
    among = token(aud=["https://a.example", AUDIENCE])
    async with Api.of(database, **SETTINGS, jwt_jwks=source) as api:
        answers = [
            await api.client.post("/graphql", json=READ, headers=bearer(each))
            for each in (late, early, among)
        ]

    assert [200, 200, 200] == [answer.status_code for answer in answers]


async def test_a_token_that_held_holds_until_it_expires(source: str) -> None:
    """To the second: that it was verified a moment ago does not help it."""
    tokens, late = (
        JwtVerifier(JwkSet(source), ISSUER, AUDIENCE, "scope"),
        token(exp=int(time.time()) - CLOCK_SKEW + 2),
    )
    callers = [await tokens.caller(late, Deadline.none()) for _ in range(2)]
    await asyncio.sleep(2)

    assert [Caller("jwt:ada", EVERY_SCOPE)] * 2 == callers
    with pytest.raises(Unauthenticated):
        await tokens.caller(late, Deadline.none())


@pytest.mark.parametrize("left", ["RS256", "ES256"], ids=["no such key", "another key"])
async def test_a_token_that_held_falls_with_its_key(left: str, tmp_path: Path) -> None:
    """As soon as the set is loaded without it, whatever stands at its id then."""
    keys = JwkSet(jwks_file(tmp_path), fresh=0, pause=0)
    tokens, sent = JwtVerifier(keys, ISSUER, AUDIENCE, "scope"), token("ES256")
    await tokens.caller(sent, Deadline.none())
    others = {"RS256": PRIVATE["RS256"], "ES256": ec.generate_private_key(ec.SECP256R1())}
    jwks_file(tmp_path, public(left, others[left]))
    # Whoever comes with an unknown key waits until they are loaded.
    await keys.find("made up", Deadline.none())

    with pytest.raises(Unauthenticated):
        await tokens.caller(sent, Deadline.none())


@on_sqlite
async def test_a_tokens_scopes_are_all_it_may(database: Database, source: str) -> None:
    """From the claim that is configured, and from no other."""
    mixed = token(scope="admin", permissions=["openid", "orders:read", 7])
    orders = {"query": "{ orders { nodes { id } } }"}
    async with Api.of(database, **SETTINGS, jwt_jwks=source, jwt_scope_claim="permissions") as api:
        allowed = await api.client.post("/graphql", json=orders, headers=bearer(mixed))
        forbidden = await api.client.post("/graphql", json=READ, headers=bearer(mixed))

    assert (200, 403) == (allowed.status_code, forbidden.status_code)


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("orders:read  openid customers:read", {Scope.ORDERS_READ, Scope.CUSTOMERS_READ}),
        (["orders:read", ["admin"], None], {Scope.ORDERS_READ}),
        ("admin", EVERY_SCOPE),
        ("orders:read,admin", set()),
        (None, set()),
        (True, set()),
        ({"admin": True}, set()),
        ("", set()),
    ],
)
def test_a_claim_of_scopes_is_text_or_a_list(claim: object, expected: set[Scope]) -> None:
    """What is neither grants nothing."""
    assert expected == scopes_of(claim)


@on_sqlite
async def test_keys_and_tokens_are_taken_as_configured(database: Database, source: str) -> None:
    """Either one or both."""
    sent = [token(), await create_key(database, "admin")]
    statuses = {}
    for auth in ("keys", "jwt", "keys,jwt"):
        jwks = source if "jwt" in auth else ""
        async with Api.of(database, **{**SETTINGS, "auth": auth}, jwt_jwks=jwks) as api:
            answers = [await api.client.post("/graphql", json=READ, headers=bearer(each)) for each in sent]
            statuses[auth] = [answer.status_code for answer in answers]

    assert {"keys": [401, 200], "jwt": [200, 401], "keys,jwt": [200, 200]} == statuses
