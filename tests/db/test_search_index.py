"""The words of customers: how text is folded, and that a migrated database has them."""

import unicodedata
from typing import Any

import pytest
import sqlalchemy as sa

from db.engine.database import Database
from db.maintenance import migrate
from db.models import Customer, customer_words, customers
from db.search import search_index, text_folding
from db.unique_text import INVISIBLE
from tests.factories import create_customer


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Straße", "strasse"),
        ("ΟΔΟΣ οδός", "οδοσ οδοσ"),
        ("İstanbul ısı Işıl", "istanbul isi isil"),
        ("Łukasz Đorđe Søren Þór Ħamrun", "lukasz dorde soren thor hamrun"),
        ("Œuvre Æsir ﬀ ĳ", "oeuvre aesir ff ij"),
        ("Ｆｕｌｌ ｶﾅ", "full カナ"),
        ("so\u00adft zero\u200bwidth \ufeffbom \u2060x", "soft zerowidth bom x"),
        ("Иван Ёлкин Ἀθήνα", "иван елкин αθηνα"),
        ("Zoë Ångström", "zoe angstrom"),
        ("ﬁn ４２ ½", "fin 42 1⁄2"),
        ("がか", "かか"),
        ("한글", unicodedata.normalize("NFD", "한글")),
        ("किताब", "कतब"),
        ("🙂", "🙂"),
    ],
)
def test_folds(text: str, folded: str) -> None:
    """Case, accents and compatibility forms are gone; what has none stays."""
    assert folded == text_folding.fold(text)


def ends_of(character: str) -> set[str]:
    """What it folds to: by itself, in parts, and folded already."""
    forms = {character, unicodedata.normalize("NFD", character), text_folding.fold(character)}
    return {text_folding.fold(form) for form in forms}


def test_folding_is_the_same_in_every_form() -> None:
    """For each character, composed or not, and once more over its own result."""
    characters = [chr(code) for code in range(0x110000) if code not in range(0xD800, 0xE000)]
    # Most are nobody's yet or anybody's, and all of these stay as they are.
    unknown = "".join(each for each in characters if unicodedata.category(each) in ("Cn", "Co"))
    known = set(characters) - set(unknown)
    odd = [each for each in known if not each.isascii() and len(ends_of(each)) > 1]

    assert [] == odd
    # The library regex may know more characters than Python.
    unfolded = [each for each in unknown if not (text_folding.LATIN.match(each) or INVISIBLE.match(each))]
    assert unfolded == [text_folding.fold(each) for each in unfolded]
    assert len(known) > 100_000


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("山田太郎", {"山田太郎", "田太郎", "太郎", "郎"}),
        ("山田 Taro", {"山田", "田", "taro"}),
        ("東京tower2階", {"東京tower2階", "京tower2階", "tower2階", "階"}),
        ("Anna Übel", {"anna", "ubel"}),
        ("김철", {unicodedata.normalize("NFD", "김철"), unicodedata.normalize("NFD", "철")}),
    ],
)
def test_words_begin_inside_text_without_spaces(name: str, expected: set[str]) -> None:
    """Each letter of Chinese, Japanese and the like, and each Hangul syllable, begins one."""
    assert {"x", *expected} == text_folding.with_inner_prefixes(text_folding.words(["x"], [name]))


def test_beginnings_are_bounded() -> None:
    """Long text without spaces is known by 24 characters from each place on, and found by its beginning."""
    name = "".join(chr(0x4E00 + number) for number in range(250))
    found = text_folding.with_inner_prefixes(text_folding.words(["x"], [name]))
    (term,) = text_folding.terms(name[100:200])

    assert {24 if len(each) < 250 else 250 for each in found - {"x"}} >= {24, 250}
    assert sum(map(len, found)) < 250 * 25 + 250
    assert {name[100:124]} == set(term.pieces) == found & set(term.pieces)


def test_words_are_bounded() -> None:
    """A word is known by its beginning, however long it becomes by folding."""
    (found,) = text_folding.words(["ß" * 250, None], ["ß" * 250])

    assert "s" * 255 == found


async def test_migration_fills_the_words(database: Database) -> None:
    """Of customers that were there before, batch by batch; run again, it changes nothing."""
    stored = [await create_customer(database, name=f"Anna Übel {number}") for number in range(3)]
    expected = {(word, customer.id) for customer in stored for word in search_index.index_words(customer)}
    statement = sa.select(*customer_words.c)
    for _ in range(2):
        await migrate.downgrade(database, "0004")
        await migrate.upgrade(database)
        found = [tuple(row) for row in await database.reader().fetch(statement)]

        assert sorted(expected) == sorted(found)


async def test_migration_fills_more_than_a_batch(database: Database) -> None:
    """Each customer is filled once."""
    moment = (await create_customer(database)).created_at

    async def write(transaction: Any) -> None:
        row = {"email": None, "version": 1, "created_at": moment, "updated_at": moment, "archived_at": None}
        rows = [{"username": f"many-{number}", "name": "Many", **row} for number in range(450)]
        await transaction.execute(customers.insert(), rows)

    await database.write(write)
    await migrate.downgrade(database, "0004")
    await migrate.upgrade(database)
    stored = await database.reader().fetch(sa.select(*customers.c))
    counted = await database.reader().fetch(sa.select(sa.func.count()).select_from(customer_words))

    assert sum(len(search_index.index_words(Customer._make(row))) for row in stored) == counted[0][0]
