"""`customers(search:)`: what it finds, in which order, and what it refuses."""

from typing import Any

import pytest
import sqlalchemy as sa

from db import customers
from db.engine.database import Database
from db.models import Customer, customer_words
from tests.api import Api
from tests.factories import create_customer

SEARCH = """
query ($search: String, $where: CustomerWhere, $orderBy: [CustomerOrder!], $includeArchived: Boolean) {
  customers(search: $search, where: $where, orderBy: $orderBy, includeArchived: $includeArchived) {
    nodes { username }
    bestFirst
    totalCount { value exact }
  }
}
"""


async def found(api: Api, search: str, **variables: Any) -> list[str]:
    """The handles that a search finds, in order."""
    data = await api.data(SEARCH, search=search, **variables)
    return [node["username"] for node in data["customers"]["nodes"]]


async def stored_words(database: Database, customer: Customer) -> list[str]:
    statement = sa.select(customer_words.c.word).where(customer_words.c.customer_id == customer.id)
    return sorted(row.word for row in await database.reader().fetch(statement))


@pytest.mark.parametrize(
    "search",
    [
        "ann",
        "ANN lind",
        "lind ann",
        "anna-m",
        "ANNA-MARIA",
        "a.lind@shop.exa",
        "o'bri",
        "dru",
        "müller",
        "MULLER",
        "mu\u0308ller",
        "STRASSE",
        "straße 4",
        "４２",
        "東京",
        "京都",
        "都",
        "a",
        "ä",
        "\ufeffanna\u200b",
        "ａｎｎａ",
        "- anna -",
    ],
)
async def test_begins_words(database: Database, api: Api, search: str) -> None:
    """Each term begins a word of handle, name or e-mail, without case, accents and forms."""
    await create_customer(
        database,
        username="anna-maria",
        name="Ánna O'Brien-Lind Müller Druse Straße 42 東京都",
        email="a.lind@shop.example",
    )
    await create_customer(database, username="other", name="Somebody Else", email="c@d.example")

    assert ["anna-maria"] == await found(api, search)


@pytest.mark.parametrize(
    "search",
    [
        "nna",
        "京東",
        "ann b",
        "%%",
        "%nna",
        "_nna",
        "__",
        "\\\\",
        "' OR 1=1",
        '"; --',
        "🙂🙂",
        "……",
        "annaannaanna",
        "lind.b",
    ],
)
async def test_matches_nothing_else(database: Database, api: Api, search: str) -> None:
    """Not the middle of a word, not half of the terms; there are no wildcards, and no syntax."""
    await create_customer(database, username="anna", name="Anna_Lind", email="anna@shop.example")

    assert [] == await found(api, search)


@pytest.mark.parametrize("search", ["a" * 255, "e\u0301" * 255, " ".join("abcdefghijklmnopq")])
async def test_refuses_too_long(api: Api, search: str) -> None:
    """254 characters, composed and trimmed, and 16 words at most."""
    assert "BAD_USER_INPUT" == await api.code(SEARCH, search=search)


@pytest.mark.parametrize("search", ["", " ", "\t\n", "\u00a0\u3000", "\ufeff", "\u200b \u2060"])
async def test_a_blank_search_is_none(database: Database, api: Api, search: str) -> None:
    """Search boxes send it; it may stand together with orderBy."""
    await create_customer(database, username="anna")
    answer = await api.data(SEARCH, search=search, orderBy=[{"field": "NAME"}])

    assert [{"username": "anna"}] == answer["customers"]["nodes"]
    assert answer["customers"]["bestFirst"] is None


@pytest.mark.parametrize(
    ("name", "searches"),
    [
        ("Łukasz Żółć", ["lukasz", "ŁUKASZ", "zolc"]),
        ("Işıl Öztürk", ["isil", "IŞIL", "işıl", "ozturk"]),
        ("Søren Kjær", ["soren", "kjaer", "KJÆR"]),
        ("Đorđe Œuvré", ["dorde", "oeuvre"]),
        ("山田太郎", ["山田", "太郎", "郎", "田太"]),
        ("김철수", ["김", "철수", "수", "김철수"]),
        ("ภาษาไทย", ["ไทย"]),
        ("Ｆｕｌｌ ｶﾞ", ["full", "ガ", "ｶ"]),
        ("\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", ["σισυφοσ", "ΣΙΣ"]),
    ],
)
async def test_finds_names_as_people_type_them(
    database: Database, api: Api, name: str, searches: list[str]
) -> None:
    """Without strokes, ligatures and dots, by a single character, and inside text without spaces."""
    await create_customer(database, username="wanted", name=name)
    await create_customer(database, username="other", name="Somebody Else")

    assert {search: ["wanted"] for search in searches} == {
        search: await found(api, search) for search in searches
    }


async def test_parts_of_words_count(api: Api) -> None:
    """A word of many parts is as long to look for as many words."""
    (error,) = (await api.send(SEARCH, search="-".join("abcdefghijklmnopq")))["errors"]

    assert "search must have at most 16 words (a-b has two)." == error["message"]
    assert [] == await found(api, "-".join("abcdefghijklmnop"))


async def test_refuses_another_order(database: Database, api: Api) -> None:
    """A search has its own order; an empty orderBy asks for none."""
    await create_customer(database, username="anna")

    assert "BAD_USER_INPUT" == await api.code(SEARCH, search="anna", orderBy=[{"field": "NAME"}])
    assert ["anna"] == await found(api, "anna", orderBy=[])


async def test_null_is_no_search(database: Database, api: Api) -> None:
    """Null is as if absent, and then nothing is ranked."""
    await create_customer(database, username="anna")
    data = await api.data(SEARCH, search=None)

    assert {
        "nodes": [{"username": "anna"}],
        "bestFirst": None,
        "totalCount": {"value": 1, "exact": True},
    } == data["customers"]


async def test_best_come_first(database: Database, api: Api) -> None:
    """The whole handle or e-mail, then exact words, then prefixes, each the newest first."""
    for username, name in [
        ("ann-lee", "x"),
        ("2", "Lee Ann"),
        ("3", "Ann Lee"),
        ("4", "Anna Lee"),
        ("5", "Ann Leeds"),
        ("6", "Annabel Leeson"),
        ("7", "Lee"),
    ]:
        await create_customer(database, username=username, name=name)

    assert ["ann-lee", "3", "2", "6", "5", "4"] == await found(api, "ann-lee")
    assert ["3", "2", "ann-lee", "5", "4", "6"] == await found(api, "ann lee")


async def test_stands_with_filters(database: Database, api: Api) -> None:
    """`where` narrows a search, and archived customers are found only where they are asked for."""
    for number in range(4):
        customer = await create_customer(database, username=f"anna-{number}")
    archived = customer.id
    await database.write(lambda transaction: customers.archive(transaction, archived))
    where = {"username": {"in": ["anna-1", "anna-3"]}}

    assert ["anna-2", "anna-1", "anna-0"] == await found(api, "anna")
    assert ["anna-1"] == await found(api, "anna", where=where)
    assert ["anna-3", "anna-1"] == await found(api, "anna", where=where, includeArchived=True)


async def test_follows_changes(database: Database, api: Api) -> None:
    """A customer is found by the words of now, at once, and by none once deleted."""
    customer = await create_customer(database, username="anna", name="Anna", email="anna@shop.example")
    await database.write(
        lambda transaction: customers.update(transaction, customer.id, {"username": "berta", "email": None})
    )

    assert ["anna", "berta"] == await stored_words(database, customer)
    assert [] == await found(api, "shop")
    assert ["berta"] == await found(api, "bert ann")

    await database.write(lambda transaction: customers.delete(transaction, customer.id))

    assert [] == await stored_words(database, customer)
    assert [] == await found(api, "berta")


async def test_a_refused_change_keeps_the_words(database: Database, api: Api) -> None:
    """The words stand in the customer's own transaction."""
    await create_customer(database, username="anna", name="Anna")
    other = await create_customer(database, username="berta", name="Berta")
    update = 'mutation ($id: ID!) { updateCustomer(input: {id: $id, username: "anna", name: "Carla"}) '
    node_id = (await api.data('{ customer(by: {username: "berta"}) { id } }'))["customer"]["id"]
    answer = await api.data(update + "{ userErrors { code } } }", id=node_id)

    assert [{"code": "TAKEN"}] == answer["updateCustomer"]["userErrors"]
    assert ["berta"] == await stored_words(database, other)
