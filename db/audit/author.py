"""Who a change is made for, as its history tells."""

from typing import NamedTuple


class Author(NamedTuple):
    """The caller, the request that the change came with, and the key that makes it happen once.

    An `owner` is the one customer whose rows may be touched.
    """

    principal: str
    request_id: str | None = None
    key: str | None = None
    owner: int | None = None


# What no caller asked for: a command of the operator's.
SYSTEM = Author("system")
