"""Who sends a request: a name that changes and idempotency keys belong to, and what it may do."""

from typing import NamedTuple

from graph.auth.scopes import EVERY_SCOPE, Scopes


class Caller(NamedTuple):
    """`principal` names the caller: `key:NAME`, say.

    With a `customer_id` it sees and changes that customer's data alone.
    """

    principal: str
    scopes: Scopes
    customer_id: int | None = None


class Unauthenticated(Exception):
    """The request does not say who sends it, or not so that it can be believed; the message goes out."""


# Whoever it is, where authentication is not configured.
ANONYMOUS = Caller("anonymous", EVERY_SCOPE)
