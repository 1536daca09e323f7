"""Cursors: the sort key of a row, opaque, and bound to the field, sort and filter of its connection."""

import base64
import binascii
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from db import errors
from db.column_types import Amount, UtcDateTime
from db.stale_reads import MILLISECOND

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MAX_ID = 2**63 - 1
# The longest cursor holds 250 characters, as JSON up to 6 bytes each; a longer text is not decoded.
MAX_LENGTH = 3_000
# What the columns can hold; a made-up cursor may say anything.
FIRST_YEAR, PAST_AMOUNTS = 1000, Decimal(10**11)

Key = tuple[Any, ...]


class Codec(NamedTuple):
    """How a column's value stands in JSON, and how it is read; `read` raises ValueError and its kind."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def integer_codec(largest: int) -> Codec:
    """The codec of an integer from 0 to `largest`."""

    def read(value: Any) -> int:
        if not 0 <= _checked(value, int) <= largest:
            raise ValueError
        return int(value)

    return Codec(int, read)


def codec_for(column: sa.Column[Any]) -> Codec:
    """The codec of a sort column's type."""
    match column.type:
        case UtcDateTime():
            return Codec(lambda moment: (moment - EPOCH) // MICROSECOND, _read_moment)
        case Amount():
            return Codec(str, _read_amount)
        case sa.String():
            return Codec(str, lambda text: _checked(text, str))
        case _:
            return Codec(int, _read_id)


def fingerprint(text: str) -> str:
    """A short digest of what a cursor is bound to."""
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def encode(fingerprint: str, codecs: tuple[Codec, ...], key: Key, moment: datetime | None = None) -> str:
    """A cursor; that of a pinned page also has the page's read timestamp, in milliseconds."""
    values = [codec_for.write(value) for codec_for, value in zip(codecs, key, strict=True)]
    if moment is not None:
        values.append((moment - EPOCH) // MILLISECOND)
    return base64.urlsafe_b64encode(orjson.dumps([fingerprint, *values])).decode().rstrip("=")


def decode(fingerprint: str, codecs: tuple[Codec, ...], cursor: str) -> tuple[Key, datetime | None]:
    """The sort key and the read timestamp in a cursor. Raises InvalidCursor, without a reason."""
    if len(cursor) > MAX_LENGTH:
        raise errors.InvalidCursor
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found, *values = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        pinned = values.pop() if len(values) > len(codecs) else None
        moment = None if pinned is None else EPOCH + _checked(pinned, int) * MILLISECOND
        key = tuple(codec_for.read(value) for codec_for, value in zip(codecs, values, strict=True))
        # Encoding may fail too: orjson raises a TypeError for an integer that has more than 64 bits.
        same = found == fingerprint and encode(fingerprint, codecs, key, moment) == cursor
    except (ValueError, TypeError, ArithmeticError, binascii.Error) as error:
        raise errors.InvalidCursor from error
    if not same:
        raise errors.InvalidCursor
    return key, moment


def _checked(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


def _read_moment(value: Any) -> datetime:
    microseconds: int = _checked(value, int)
    moment = EPOCH + microseconds * MICROSECOND
    if moment.year < FIRST_YEAR:
        raise ValueError
    return moment


def _read_amount(value: Any) -> Decimal:
    amount = Decimal(_checked(value, str))
    # Also what is no number is not in between.
    if not 0 <= amount < PAST_AMOUNTS or amount.as_tuple().exponent not in range(-4, 1):
        raise ValueError
    return amount


def _read_id(value: Any) -> int:
    if not 0 < _checked(value, int) <= MAX_ID:
        raise ValueError
    return int(value)
