"""Authentication: finds the caller of a request by its Authorization header."""

from typing import Protocol

from starlette.requests import Request

from db.engine.database import Database
from db.engine.deadline import Deadline
from graph.auth.api_keys import ApiKeyVerifier
from graph.auth.callers import ANONYMOUS, Caller, Unauthenticated
from graph.auth.json_web_tokens import JwtVerifier
from graph.auth.jwks import JwkSet
from graph.errors import UNAUTHENTICATED, RequestError, coded_error
from graph.settings import Settings

CHALLENGE = 'Bearer realm="tidegraph"'
MAX_CREDENTIAL_LENGTH = 8_000


class CredentialVerifier(Protocol):
    """Verifies one kind of credential: API keys or JWTs."""

    def recognizes(self, credential: str) -> bool: ...

    async def caller(self, credential: str, deadline: Deadline) -> Caller: ...


class Authentication:
    """Asks the first verifier that recognizes the credential. Without verifiers all callers are anonymous."""

    def __init__(self, *verifiers: CredentialVerifier) -> None:
        self._verifiers = verifiers

    @classmethod
    def of(cls, settings: Settings, database: Database) -> "Authentication":
        verifiers: list[CredentialVerifier] = []
        if "keys" in settings.auth:
            verifiers.append(ApiKeyVerifier(database))
        if "jwt" in settings.auth:
            keys = JwkSet(settings.jwt_jwks)
            claims = settings.jwt_scope_claim, settings.jwt_customer_claim
            verifiers.append(JwtVerifier(keys, settings.jwt_issuer, settings.jwt_audience, *claims))
        return cls(*verifiers)

    async def caller(self, request: Request, deadline: Deadline) -> Caller:
        """Raises RequestError (401), Unavailable or DeadlineExceeded."""
        if not self._verifiers:
            return ANONYMOUS
        try:
            return await self._caller(request.headers.getlist("authorization"), deadline)
        except Unauthenticated as error:
            headers = {"WWW-Authenticate": CHALLENGE}
            raise RequestError(
                coded_error(str(error), UNAUTHENTICATED), status=401, headers=headers
            ) from None

    async def _caller(self, headers: list[str], deadline: Deadline) -> Caller:
        scheme, _, credential = (headers[0] if len(headers) == 1 else "").partition(" ")
        credential = credential.strip(" ")
        if scheme.lower() != "bearer" or not credential or len(credential) > MAX_CREDENTIAL_LENGTH:
            raise Unauthenticated("Send one header `Authorization: Bearer …` with an API key or token.")
        for verifier in self._verifiers:
            if verifier.recognizes(credential):
                return await verifier.caller(credential, deadline)
        raise Unauthenticated("The Authorization header has no API key or token that this server accepts.")
