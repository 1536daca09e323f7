"""Texts as they are stored, whatever form they are sent in."""

import unicodedata
from collections.abc import Callable, Mapping


def handle(value: str) -> str:
    """A username as it is stored: trimmed and in NFC, so that equal-looking handles are equal."""
    return unicodedata.normalize("NFC", value.strip())


def email(value: str) -> str:
    """An address as it is stored: trimmed, in NFC, the domain in lower case."""
    local, at, domain = value.strip().rpartition("@")
    # NFC comes last: a small letter can have a composed form where the capital has none.
    return handle(local + at + domain.lower())


STORED: Mapping[str, Callable[[str], str]] = {"username": handle, "email": email}


def as_stored(field: str, sent: str) -> str:
    """What was sent for a field, as it is stored."""
    return STORED.get(field, str)(sent)
