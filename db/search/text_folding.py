"""Text folding: text without case and accents, as search compares it, the same on every database.

The data are Unicode's, from Python and from the library regex. anyascii transliterates the Latin letters that
have no decomposition, such as ł, ø and ß, as people type them.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import regex
from anyascii import anyascii

from db.unique_text import INVISIBLE

# A longer word is known by its beginning. It bounds the key that a word is stored under.
MAX_WORD_LENGTH = 255
# Some characters fold to 18. Of a text that becomes very long only the beginning is found.
MAX_TEXT_LENGTH = 1_000
# The scripts that are written with spaces come before this character.
COMMON = 0x3000
LETTERS_AND_DIGITS = re.compile(r"[^\W_]+")
LATIN = regex.compile(r"\p{Script=Latin}")
# Scripts without spaces between words: Unicode's line breaking algorithm (UAX #14) may break before these
# letters, and before the first part of each Hangul syllable. Search finds what begins there.
BREAKABLE = r"\p{LB=ID}\p{LB=CJ}\p{LB=SA}\p{LB=JL}"
UNSPACED = BREAKABLE + r"\p{LB=JV}\p{LB=JT}"
HAS_UNSPACED = regex.compile(f"[{BREAKABLE}]")
INSIDE = regex.compile(rf"(?<!^)(?:[{BREAKABLE}]|(?<=[{UNSPACED}])[^{UNSPACED}])")
# So much is known of a word that begins inside: it bounds how much is stored.
MAX_INNER_LENGTH = 24


class Term(NamedTuple):
    """A folded word of a query as it stands between spaces, and its pieces of letters and digits."""

    text: str
    pieces: tuple[str, ...]

    def score(self, words: frozenset[str]) -> int:
        """2 where the term is one of the `words`, 1 where its pieces are, 0 where it begins them."""
        return 2 if self.text in words else int(words.issuperset(self.pieces))


class FoldingTable(dict[int, str]):
    """What each character folds to, for `str.translate`; those that are stored are a bounded number.

    One character after the other, because normalizing a whole text takes quadratic time for many marks in a
    row. It gives the same: marks, which is all that a normalization would sort, are dropped.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        folded = "".join(map(_letter, unicodedata.normalize("NFKD", character))).casefold()
        # Other characters that stay as they are would be hundreds of thousands.
        if folded != character or code < COMMON:
            self[code] = folded
        return folded


def _letter(character: str) -> str:
    """Of a decomposed character: nothing of marks and of what is invisible, Latin letters in ASCII."""
    if unicodedata.category(character).startswith("M") or INVISIBLE.match(character):
        return ""
    return anyascii(character) if not character.isascii() and LATIN.match(character) else character


FOLDING_TABLE = FoldingTable()


def fold(text: str) -> str:
    """Decomposed, marks dropped, Latin letters in ASCII, case folded; in linear time for any text."""
    return text.lower() if text.isascii() else text.translate(FOLDING_TABLE)


def words(whole: Iterable[str | None], texts: Iterable[str | None]) -> frozenset[str]:
    """Each run of letters and digits in all of the texts, and the texts of `whole` as a whole."""
    identifiers = [fold(text or "") for text in whole]
    found = set(identifiers)
    for text in (*identifiers, *(fold(text or "") for text in texts)):
        found.update(LETTERS_AND_DIGITS.findall(text[:MAX_TEXT_LENGTH]))
    return frozenset(each[:MAX_WORD_LENGTH] for each in found if each)


def with_inner_prefixes(words: frozenset[str]) -> frozenset[str]:
    """What a customer with these words is found by: the words, and what begins inside unspaced text."""
    return words.union(
        piece[place.start() : place.start() + MAX_INNER_LENGTH]
        for word in words
        if not word.isascii()
        for piece in LETTERS_AND_DIGITS.findall(word)
        for place in INSIDE.finditer(piece)
    )


def terms(query: str) -> tuple[Term, ...]:
    """The different terms of a query in its order; one without a letter or digit says nothing."""
    folded = dict.fromkeys(fold(each) for each in query.split())
    found = [Term(each[:MAX_WORD_LENGTH], _pieces(each)) for each in folded]
    return tuple(term for term in found if term.pieces)


def prefixes(terms: tuple[Term, ...]) -> tuple[str, ...]:
    """What words must begin with so that all terms are found.

    A prefix of another one is left out, and so is the whole term: what begins with all of it has words that
    begin with its pieces.
    """
    pieces = sorted({piece for term in terms for piece in term.pieces})
    return tuple(each for each, following in pairwise([*pieces, ""]) if not following.startswith(each))


def _pieces(folded: str) -> tuple[str, ...]:
    """The runs of letters and digits, as far as they are known."""
    found = LETTERS_AND_DIGITS.findall(folded)
    return tuple(
        piece[: MAX_INNER_LENGTH if not piece.isascii() and HAS_UNSPACED.search(piece) else MAX_WORD_LENGTH]
        for piece in found
    )
