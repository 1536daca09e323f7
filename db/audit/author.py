"""The author of a change, as the audit log records it."""

from typing import NamedTuple


class Author(NamedTuple):
    """The caller, the request, and the idempotency key of a change.

    With an `owner`, a customer's id, the transaction is restricted to that customer's rows.
    """

    principal: str
    request_id: str | None = None
    key: str | None = None
    owner: int | None = None


# Of commands, which no API caller sent.
SYSTEM = Author("system")
