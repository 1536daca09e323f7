"""Global IDs: `Customer:1` or `Order:1` in URL-safe Base64. Each object has exactly one valid ID."""

import base64
import binascii
from typing import NamedTuple

import strawberry

from db.models import Customer, Order

KINDS = {"Customer": Customer, "Order": Order}
MAX_ROW_ID = 2**63 - 1
# The longest id has 38 characters.
MAX_ID_LENGTH = 38


class GlobalId(NamedTuple):
    """A decoded global ID: the GraphQL type and the row ID."""

    kind: str
    row_id: int

    def encode(self) -> strawberry.ID:
        text = f"{self.kind}:{self.row_id}"
        return strawberry.ID(base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))

    @classmethod
    def decode(cls, text: str) -> "GlobalId | None":
        """None for anything that `encode` did not make."""
        if len(text) > MAX_ID_LENGTH:
            return None
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            plain = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
        except (ValueError, binascii.Error):
            return None
        kind, _, digits = plain.partition(":")
        if kind not in KINDS or not digits.isdecimal() or len(digits) > 19:
            return None
        decoded = cls(kind, int(digits))
        same = decoded.encode() == text
        return decoded if same and 0 < decoded.row_id <= MAX_ROW_ID else None


def row_id(kind: str, text: str) -> int | None:
    """The row ID, if `text` is a global ID of this kind."""
    decoded = GlobalId.decode(text)
    return decoded.row_id if decoded and decoded.kind == kind else None
