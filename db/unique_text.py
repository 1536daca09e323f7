"""The normal form of unique text, such as usernames and references: what is stored, looked up and compared.

Invisible characters (Unicode's property Default_Ignorable_Code_Point) are removed, whitespace is trimmed, and
the rest is in NFC. Every function takes linear time for any text, so that it can be applied to input that was
not checked yet.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping

import regex

# Each character of NFC has at most 4 code points in other forms. Longer text stays as it is: it is too long.
MAX_LENGTH = 4 * 254
# Normalizing n marks in a row takes n² steps. 30 is the limit of Unicode's Stream-Safe Text Format (UAX #15).
MAX_MARKS = 30
# In the combining classes of a text's characters.
TOO_MANY_MARKS = re.compile(rb"[^\0]{%d}" % (MAX_MARKS + 1))
INVISIBLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


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


def normalize_part(text: str) -> str:
    """A part of a text in normal form: not trimmed, because whitespace may stand inside."""
    return text if text.isascii() else nfc(INVISIBLE.sub("", text))


def normalize(text: str) -> str:
    """The normal form; control characters inside stay; input rules reject them."""
    return nfc(normalize_part(text).strip())


def fold_case(text: str) -> str:
    """Case folded, for canonical caseless matching (Unicode, definition 145)."""
    if text.isascii():
        return text.lower()
    if len(text) > MAX_LENGTH or has_too_many_marks(text):
        return text.casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def email_key(text: str) -> str:
    """What an e-mail address is compared by: its normal form without case."""
    return fold_case(normalize(text))


def normalize_email_part(text: str) -> str:
    """A part of such a key."""
    return fold_case(normalize_part(text))


# By column, of customers and orders: the form that is compared, and that of a part of it.
NORMALIZERS: Mapping[str, Callable[[str], str]] = {
    "username": normalize,
    "email": email_key,
    "reference": normalize,
}
PART_NORMALIZERS: Mapping[str, Callable[[str], str]] = {
    "username": normalize_part,
    "email": normalize_email_part,
    "reference": normalize_part,
}


def normalize_column(column: str, text: str) -> str:
    """A text that was sent for a column as it is shown: in normal form, if it is unique."""
    return normalize(text) if column in NORMALIZERS else text
