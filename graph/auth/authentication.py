"""Who sends a request, by its header Authorization, and how a request of nobody is answered."""

from typing import Protocol

from starlette.requests import Request

from db.engine.database import Database
from db.engine.deadline import Deadline
from graph.auth.api_keys import ApiKeys
from graph.auth.callers import ANONYMOUS, Caller, Unauthenticated
from graph.auth.json_web_tokens import Tokens
from graph.auth.jwks import KeySet
from graph.errors import UNAUTHENTICATED, Rejected, coded
from graph.settings import Settings

CHALLENGE = 'Bearer realm="tidegraph"'
# Past that it is neither a key nor a token of ours.
LONGEST = 8_000


class Credentials(Protocol):
    """One kind of credential: keys, or tokens."""

    def takes(self, credential: str) -> bool: ...

    async def caller(self, credential: str, deadline: Deadline) -> Caller: ...


class Authentication:
    """Tells the caller by the first kind of credential that takes what was sent.

    Without any kind everybody is anonymous.
    """

    def __init__(self, *kinds: Credentials) -> None:
        self._kinds = kinds

    @classmethod
    def of(cls, settings: Settings, database: Database) -> "Authentication":
        kinds: list[Credentials] = []
        if "keys" in settings.auth:
            kinds.append(ApiKeys(database))
        if "jwt" in settings.auth:
            keys = KeySet(settings.jwt_jwks)
            claims = settings.jwt_scope_claim, settings.jwt_customer_claim
            kinds.append(Tokens(keys, settings.jwt_issuer, settings.jwt_audience, *claims))
        return cls(*kinds)

    async def caller(self, request: Request, deadline: Deadline) -> Caller:
        """Raises Rejected, Unavailable or DeadlineExceeded."""
        if not self._kinds:
            return ANONYMOUS
        try:
            return await self._caller(request.headers.getlist("authorization"), deadline)
        except Unauthenticated as error:
            headers = {"WWW-Authenticate": CHALLENGE}
            raise Rejected(coded(str(error), UNAUTHENTICATED), status=401, headers=headers) from None

    async def _caller(self, headers: list[str], deadline: Deadline) -> Caller:
        scheme, _, credential = (headers[0] if len(headers) == 1 else "").partition(" ")
        credential = credential.strip(" ")
        if scheme.lower() != "bearer" or not credential or len(credential) > LONGEST:
            raise Unauthenticated("Send one header Authorization: Bearer, and a key or token.")
        for kind in self._kinds:
            if kind.takes(credential):
                return await kind.caller(credential, deadline)
        raise Unauthenticated("This is neither a key nor a token that this server takes.")
