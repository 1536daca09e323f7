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


def _too_many_marks() -> re.Pattern[str]:
    # There are no marks with a combining class beyond plane 1, nor before U+0300.
    marks = "".join(map(chr, filter(lambda code: unicodedata.combining(chr(code)), range(0x300, 0x1F000))))
    return re.compile(f"[{marks}]{{{MAX_MARKS + 1}}}")


TOO_MANY_MARKS = _too_many_marks()


def nfc(text: str) -> str:
    """NFC of the text; one that is too long, or has too many marks in a row, is unchanged."""
    if text.isascii() or len(text) > MAX_LENGTH or TOO_MANY_MARKS.search(text):
        return text
    return unicodedata.normalize("NFC", text)


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
