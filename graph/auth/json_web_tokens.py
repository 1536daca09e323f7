"""JSON Web Tokens: which caller one stands for, if its signature and all its claims hold."""

import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import jwt
from jwt import PyJWK, PyJWTError

from db.engine.deadline import Deadline
from graph.auth.callers import Caller, Unauthenticated
from graph.auth.jwks import ALGORITHMS, KeySet
from graph.auth.scopes import Scopes, granted
from graph.auth.ttl_cache import Recent
from graph.global_ids import row_id

# By how many seconds clocks may differ.
SKEW = 30
REQUIRED = ["exp", "iss", "aud", "sub"]
# With `jwt:` before it, as long as the column for it.
LONGEST_SUBJECT = 240
# In the place of a customer's id.
EVERY_CUSTOMER = "*"
# How many verified tokens are remembered, and for how long.
MOST_TOKENS, SECONDS = 10_000, 300.0
# Whoever tries tokens out is not told what was wrong.
REFUSED = "This token is not valid here, or no longer."


class Verified(NamedTuple):
    """What a token said when it was verified with `key`, and until when that holds."""

    kid: str
    key: PyJWK
    until: float
    caller: Caller


class Tokens:
    """Takes tokens of one issuer for one audience; scopes stand in `scope_claim`, as text or in a list.

    With a `customer_claim` each says in it which customer it is bound to, or EVERY_CUSTOMER. A token is
    verified once: after that only its key and the time can change, and both are asked each time.
    """

    def __init__(
        self, keys: KeySet, issuer: str, audience: str, scope_claim: str, customer_claim: str = ""
    ) -> None:
        self._keys, self._issuer, self._audience = keys, issuer, audience
        self._scope_claim, self._customer_claim = scope_claim, customer_claim
        self._verified: Recent[Verified] = Recent(MOST_TOKENS, SECONDS)

    def takes(self, credential: str) -> bool:
        """Whether it looks like a signed token."""
        return credential.count(".") == 2

    async def caller(self, token: str, deadline: Deadline) -> Caller:
        """Raises Unauthenticated, Rejected (503) or DeadlineExceeded."""
        digest = sha256(token.encode()).hexdigest()
        known = self._verified.get(digest)
        kid = known.kid if known else self._key_id(token)
        key = await self._keys.find(kid, deadline)
        if key is None:
            raise Unauthenticated(REFUSED)
        if known is None or known.key is not key or known.until <= time.time():
            known = self._verify(token, kid, key)
            self._verified.put(digest, known)
        return known.caller

    def _verify(self, token: str, kid: str, key: PyJWK) -> Verified:
        claims = self._claims(token, key)
        subject = claims["sub"]
        if not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
            raise Unauthenticated(REFUSED)
        scopes = scopes_of(claims.get(self._scope_claim))
        caller = Caller(f"jwt:{subject}", scopes, self._customer_id(claims))
        return Verified(kid, key, int(claims["exp"]) + SKEW, caller)

    def _key_id(self, token: str) -> str:
        try:
            header = jwt.get_unverified_header(token)
        except PyJWTError:
            raise Unauthenticated(REFUSED) from None
        kid = header.get("kid")
        if header.get("alg") not in ALGORITHMS or not isinstance(kid, str):
            raise Unauthenticated(REFUSED)
        return kid

    def _customer_id(self, claims: Mapping[str, Any]) -> int | None:
        """A token that says nothing of it is not one for all: raises Unauthenticated."""
        found = claims.get(self._customer_claim) if self._customer_claim else EVERY_CUSTOMER
        if found == EVERY_CUSTOMER:
            return None
        customer_id = row_id("Customer", found) if isinstance(found, str) else None
        if customer_id is None:
            raise Unauthenticated(REFUSED)
        return customer_id

    def _claims(self, token: str, key: PyJWK) -> dict[str, Any]:
        """Verified with the key's own algorithm, whatever the token says of it."""
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                leeway=SKEW,
                options={"require": REQUIRED, "enforce_minimum_key_length": True},
            )
        except (PyJWTError, ValueError, TypeError, OverflowError):
            raise Unauthenticated(REFUSED) from None


def scopes_of(claim: object) -> Scopes:
    """Text with spaces, as RFC 8693 has it, or a list of texts; anything else grants nothing."""
    if isinstance(claim, str):
        return granted(claim.split(" "))
    return granted([each for each in claim if isinstance(each, str)] if isinstance(claim, list) else [])
