"""Callers: the principal that sends a request, its scopes, and the customer that it is restricted to."""

from typing import NamedTuple

from graph.auth.scopes import EVERY_SCOPE, Scopes


class Caller(NamedTuple):
    """`principal` identifies the caller, such as `key:NAME`; changes and idempotency keys belong to it.

    With a `customer_id` the caller is restricted to that customer's rows (row-level security).
    """

    principal: str
    scopes: Scopes
    customer_id: int | None = None


class Unauthenticated(Exception):
    """The credential is missing or invalid; the message goes to the client."""


# Every caller, where authentication is not configured.
ANONYMOUS = Caller("anonymous", EVERY_SCOPE)
