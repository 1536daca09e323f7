"""What a caller may do: the scopes that keys and tokens have, and that fields need."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """One permission; ADMIN is all of them, those to come too."""

    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    HISTORY_READ = "history:read"
    ADMIN = "admin"


Scopes = frozenset[Scope]
EVERY_SCOPE: Scopes = frozenset(Scope)


def granted(names: Iterable[str]) -> Scopes:
    """The scopes of these names; a name that is none of ours grants nothing."""
    scopes = frozenset(Scope(name) for name in names if name in KNOWN)
    return EVERY_SCOPE if Scope.ADMIN in scopes else scopes


KNOWN = {scope.value for scope in Scope}
