"""Auth scopes: granted by API keys and JWTs, required by fields."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """One permission. ADMIN implies all others, including future ones."""

    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    HISTORY_READ = "history:read"
    ADMIN = "admin"


Scopes = frozenset[Scope]
EVERY_SCOPE: Scopes = frozenset(Scope)


def granted(names: Iterable[str]) -> Scopes:
    """The scopes with these names; unknown names grant nothing."""
    scopes = frozenset(Scope(name) for name in names if name in KNOWN)
    return EVERY_SCOPE if Scope.ADMIN in scopes else scopes


KNOWN = {scope.value for scope in Scope}
