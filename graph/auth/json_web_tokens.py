"""JSON Web Tokens (JWT): verifies signature and claims, and reads the caller from them."""

import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import jwt
from cachetools import TTLCache
from jwt import PyJWK, PyJWTError

from db.engine.deadline import Deadline
from graph.auth.callers import Caller, Unauthenticated
from graph.auth.jwks import ALGORITHMS, JwkSet
from graph.auth.scopes import Scopes, granted
from graph.global_ids import row_id

# Seconds by which the issuer's clock may differ from ours.
CLOCK_SKEW = 30
REQUIRED_CLAIMS = ["exp", "iss", "aud", "sub"]
# Together with the prefix `jwt:` this fills the principal's column.
MAX_SUBJECT_LENGTH = 240
# The customer claim of a JWT that is not restricted to one customer.
EVERY_CUSTOMER = "*"
# Size of the cache of verified JWTs, and seconds that they stay in it.
MAX_CACHED_JWTS, CACHE_SECONDS = 10_000, 300.0
# One message for all reasons, so that trying JWTs out reveals nothing.
INVALID_JWT = "The token is invalid or expired."


class VerifiedJwt(NamedTuple):
    """The caller of a JWT that was verified with `key`, valid until `until`."""

    kid: str
    key: PyJWK
    until: float
    caller: Caller


class JwtVerifier:
    """Accepts JWTs of one issuer for one audience. `scope_claim` has the scopes, as text or as a list.

    With a `customer_claim`, that claim has the customer that the JWT is restricted to, or EVERY_CUSTOMER.
    Verified JWTs are cached by their digest. Key rotation and expiry are still checked each time.
    """

    def __init__(
        self, keys: JwkSet, issuer: str, audience: str, scope_claim: str, customer_claim: str = ""
    ) -> None:
        self._keys, self._issuer, self._audience = keys, issuer, audience
        self._scope_claim, self._customer_claim = scope_claim, customer_claim
        self._verified: TTLCache[str, VerifiedJwt] = TTLCache(MAX_CACHED_JWTS, CACHE_SECONDS)

    def recognizes(self, credential: str) -> bool:
        """Whether the text has the form of a signed JWT."""
        return credential.count(".") == 2

    async def caller(self, encoded: str, deadline: Deadline) -> Caller:
        """Raises Unauthenticated, RequestError (503) or DeadlineExceeded."""
        digest = sha256(encoded.encode()).hexdigest()
        known = self._verified.get(digest)
        kid = known.kid if known else self._key_id(encoded)
        key = await self._keys.find(kid, deadline)
        if key is None:
            raise Unauthenticated(INVALID_JWT)
        if known is None or known.key is not key or known.until <= time.time():
            known = self._verify(encoded, kid, key)
            self._verified[digest] = known
        return known.caller

    def _verify(self, encoded: str, kid: str, key: PyJWK) -> VerifiedJwt:
        claims = self._claims(encoded, key)
        subject = claims["sub"]
        if not 0 < len(subject) <= MAX_SUBJECT_LENGTH or not subject.isprintable():
            raise Unauthenticated(INVALID_JWT)
        scopes = scopes_of(claims.get(self._scope_claim))
        caller = Caller(f"jwt:{subject}", scopes, self._customer_id(claims))
        return VerifiedJwt(kid, key, int(claims["exp"]) + CLOCK_SKEW, caller)

    def _key_id(self, encoded: str) -> str:
        try:
            header = jwt.get_unverified_header(encoded)
        except PyJWTError:
            raise Unauthenticated(INVALID_JWT) from None
        kid = header.get("kid")
        if header.get("alg") not in ALGORITHMS or not isinstance(kid, str):
            raise Unauthenticated(INVALID_JWT)
        return kid

    def _customer_id(self, claims: Mapping[str, Any]) -> int | None:
        """None for EVERY_CUSTOMER. Raises Unauthenticated if the claim is missing or invalid."""
        found = claims.get(self._customer_claim) if self._customer_claim else EVERY_CUSTOMER
        if found == EVERY_CUSTOMER:
            return None
        customer_id = row_id("Customer", found) if isinstance(found, str) else None
        if customer_id is None:
            raise Unauthenticated(INVALID_JWT)
        return customer_id

    def _claims(self, encoded: str, key: PyJWK) -> dict[str, Any]:
        """Verified with the algorithm of the key, never with the one in the JWT's header."""
        try:
            return jwt.decode(
                encoded,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                leeway=CLOCK_SKEW,
                options={"require": REQUIRED_CLAIMS, "enforce_minimum_key_length": True},
            )
        except (PyJWTError, ValueError, TypeError, OverflowError):
            raise Unauthenticated(INVALID_JWT) from None


def scopes_of(claim: object) -> Scopes:
    """Space-separated text, as in RFC 8693, or a list of strings; anything else grants nothing."""
    if isinstance(claim, str):
        return granted(claim.split(" "))
    return granted([each for each in claim if isinstance(each, str)] if isinstance(claim, list) else [])
