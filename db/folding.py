"""Folding: text as search compares it, without case and accents, the same above every database."""

import re
import unicodedata
from itertools import pairwise
from typing import NamedTuple

# A longer word is known by its beginning. It bounds the key that a word is stored under.
LONGEST_WORD = 255
# Some characters fold to 18. Of a text that becomes very long only the beginning is found.
LONGEST_TEXT = 1_000
# The scripts that are written with spaces come before this character.
COMMON = 0x3000
LETTERS_AND_DIGITS = re.compile(r"[^\W_]+")


class Term(NamedTuple):
    """A folded word of a query as it stands between spaces, and its pieces of letters and digits."""

    text: str
    pieces: tuple[str, ...]

    def score(self, words: frozenset[str]) -> int:
        """2 where the term is one of the `words`, 1 where its pieces are, 0 where it begins them."""
        return 2 if self.text in words else int(words.issuperset(self.pieces))


class Table(dict[int, str]):
    """What each character folds to, for `str.translate`; those that are stored are a bounded number.

    One character after the other, because normalizing a whole text takes quadratic time for many marks in a
    row. It gives the same: marks, which is all that a normalization would sort, are dropped.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        parts = unicodedata.normalize("NFKD", character)
        folded = "".join(
            [each for each in parts if not unicodedata.category(each).startswith("M")]
        ).casefold()
        # Other characters that stay as they are would be hundreds of thousands.
        if folded != character or code < COMMON:
            self[code] = folded
        return folded


TABLE = Table()


def fold(text: str) -> str:
    """Compatibility forms decomposed, marks dropped, case folded; in linear time for any text."""
    return text.lower() if text.isascii() else text.translate(TABLE)


def words(username: str, name: str, email: str | None) -> frozenset[str]:
    """What a customer is found by: each run of letters and digits, and handle and e-mail as a whole."""
    handle, address = fold(username), fold(email or "")
    found = {handle, address}
    for text in (handle, address, fold(name)):
        found.update(LETTERS_AND_DIGITS.findall(text[:LONGEST_TEXT]))
    return frozenset(each[:LONGEST_WORD] for each in found if each)


def terms(query: str) -> tuple[Term, ...]:
    """The different terms of a query in its order; one without a letter or digit says nothing."""
    folded = dict.fromkeys(fold(each) for each in query.split())
    found = [Term(each[:LONGEST_WORD], _pieces(each)) for each in folded]
    return tuple(term for term in found if term.pieces)


def prefixes(terms: tuple[Term, ...]) -> tuple[str, ...]:
    """What words must begin with so that all terms are found.

    A prefix of another one is left out, and so is the whole term: what begins with all of it has words that
    begin with its pieces.
    """
    pieces = sorted({piece for term in terms for piece in term.pieces})
    return tuple(each for each, following in pairwise([*pieces, ""]) if not following.startswith(each))


def _pieces(folded: str) -> tuple[str, ...]:
    return tuple(piece[:LONGEST_WORD] for piece in LETTERS_AND_DIGITS.findall(folded))
