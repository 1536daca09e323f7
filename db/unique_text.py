"""The normal form of unique text: what is stored, looked up and compared.

Every function takes linear time for any text, so that it can be applied to input that was not checked yet.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping

# Each character of NFC has at most 4 code points in other forms. Longer text stays as it is: it is too long.
MAX_LENGTH = 4 * 254
# Normalizing n marks in a row takes n² steps. 30 is the limit of Unicode's Stream-Safe Text Format (UAX #15).
MAX_MARKS = 30
# In the combining classes of a text's characters.
TOO_MANY_MARKS = re.compile(rb"[^\0]{%d}" % (MAX_MARKS + 1))


def nfc(text: str) -> str:
    """NFC of the text; one that is too long, or has too many marks in a row, is unchanged."""
    if text.isascii() or len(text) > MAX_LENGTH or has_too_many_marks(text):
        return text
    return unicodedata.normalize("NFC", text)


def has_too_many_marks(text: str) -> bool:
    """Whether more than MAX_MARKS combining marks stand in a row; false for text that is too long anyway."""
    if text.isascii() or len(text) > MAX_LENGTH:
        return False
    return TOO_MANY_MARKS.search(bytes(map(unicodedata.combining, text))) is not None


def username(text: str) -> str:
    """A username as it is stored: trimmed and in NFC, so that equal-looking handles are equal."""
    return nfc(text.strip())


def email(text: str) -> str:
    """An address as it is stored: trimmed, in NFC, the domain in lower case."""
    local, at, domain = text.strip().rpartition("@")
    # NFC comes last: a small letter can have a composed form where the capital has none.
    return nfc(local + at + domain.lower())


STORED: Mapping[str, Callable[[str], str]] = {"username": username, "email": email}


def as_stored(column: str, text: str) -> str:
    """A text that was sent for a column, as it is stored."""
    return STORED.get(column, str)(text)
