"""Search against a plain reference in memory, over names and queries that are hard to fold and to split."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.engine.database import Database
from db.models import Customer, customers
from db.search import search_index
from graph.types.scalars import serialize_date_time
from tests.api import Api
from tests.graph.reading.test_search_pages import usernames
from tests.reference import meets
from tests.shop import shown
from tests.where_strategies import combined, compared, leaves

FRAGMENTS = [
    *(
        "a",
        "A",
        "an",
        "Ann",
        "b",
        "é",
        "e\u0301",
        "E\u0301",
        "ä",
        "ß",
        "ẞ",
        "ss",
        "SS",
        "İ",
        "i",
        "I",
        "ı",
        "i\u0307",
    ),
    *(
        "σ",
        "ς",
        "Σ",
        "ﬁ",
        "fi",
        "１",
        "1",
        "²",
        "½",
        "東",
        "京",
        "が",
        "か\u3099",
        "कि",
        "क",
        "ʼn",
        "ŉ",
        "Å",
        "Å",
        "한",
    ),
    *(
        "🙂",
        "👩‍👩‍👧",
        "-",
        ".",
        "_",
        "'",
        '"',
        "%",
        "\\",
        "@",
        " ",
        "\u00a0",
        "\u0301",
        "\u0345",
        "ﷺ",
        "\U0010ffff",
    ),
]
SEARCHED = """
query (
  $search: String!, $where: CustomerWhere, $archived: Boolean
  $first: Int, $after: String, $last: Int, $before: String
) {
  customers(
    search: $search, where: $where, includeArchived: $archived
    first: $first, after: $after, last: $last, before: $before
  ) {
    edges { node { username } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    totalCount { value exact }
  }
}
"""
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def rows(texts: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "username": texts,
            "name": texts,
            "email": st.none() | texts,
            "version": st.just(1),
            "created_at": st.integers(0, 2).map(lambda seconds: MOMENT + timedelta(seconds=seconds)),
            "updated_at": st.just(MOMENT),
            "archived_at": st.sampled_from([None, None, None, MOMENT]),
        }
    )


# Of FRAGMENTS, the Latin letters without a decomposition, the invisible characters, and what begins inside.
LATIN = str.maketrans({"ß": "ss", "ẞ": "ss", "ı": "i", "\u200d": ""})
UNSPACED = "東京かが" + unicodedata.normalize("NFD", "한")[0]


def fold(text: str) -> str:
    kept = [each for each in unicodedata.normalize("NFKD", text) if unicodedata.category(each)[0] != "M"]
    return "".join(kept).translate(LATIN).casefold()


def inside(word: str) -> list[str]:
    """The word from each letter on that needs no space before it, or comes after such a one."""
    last = unicodedata.normalize("NFD", "한")[2] + UNSPACED[:4]
    return [
        word[place:]
        for place in range(len(word))
        if place == 0 or word[place] in UNSPACED or (word[place - 1] in last)
    ]


def pieces(text: str) -> list[str]:
    return "".join(each if each.isalnum() else " " for each in text).split()


def score(customer: Customer, term: str) -> int | None:
    """2, 1 or 0 by how exactly a term is found, None where it is not."""
    wholes = [fold(customer.username), fold(customer.email or "")]
    known = [*wholes, *pieces(" ".join([*wholes, fold(customer.name)]))]
    begun = all(
        any(each.startswith(piece) for word in known for each in inside(word)) for piece in pieces(term)
    )
    if not begun and not any(whole.startswith(term) for whole in wholes):
        return None
    return 2 if term in known else int(all(piece in known for piece in pieces(term)))


def expected(stored: list[Customer], query: str, where: Any, archived: bool) -> list[str]:
    terms = [each for each in dict.fromkeys(map(fold, query.split())) if pieces(each)]
    placed = []
    for customer in stored:
        scores = [score(customer, term) for term in terms]
        row = shown("Customer", customer.id, customer._asdict())
        asked_for = meets(row, where) and (archived or customer.archived_at is None)
        if terms and None not in scores and asked_for:
            placed.append((sum(each or 0 for each in scores), customer.created_at, customer.id, customer))
    return [customer.username for *_, customer in sorted(placed, reverse=True)]


async def store(database: Database, rows: list[dict[str, Any]]) -> list[Customer]:
    async def write(transaction: Any) -> list[Customer]:
        await transaction.execute(customers.delete())
        await transaction.execute(customers.insert(), rows)
        stored = [Customer._make(row) for row in await transaction.fetch(sa.select(*customers.c))]
        await search_index.insert(transaction, stored)
        return stored

    return await database.write(write)


async def walk(api: Api, sent: dict[str, Any], size: int, names: tuple[str, str, str, str]) -> list[Any]:
    """All pages, in the order in which they were asked for."""
    count, past, more, end = names
    pages = [(await api.data(SEARCHED, **sent, **{count: size}))["customers"]]
    while pages[-1]["pageInfo"][more] and len(pages) < 9:
        after = {past: pages[-1]["pageInfo"][end]}
        pages.append((await api.data(SEARCHED, **sent, **{count: size}, **after))["customers"])
    return pages


def wheres(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Often nothing, or conditions on names and moments, combined."""
    strings = compared(texts, "gte", "startsWith", "contains", nullable=True)
    moments = compared(st.just(serialize_date_time(MOMENT)), "gt", nullable=True)
    # Unique text is compared in its normal form, which these rows do not have.
    return st.none() | combined(leaves({"name": strings, "createdAt": moments, "archivedAt": moments}))


@st.composite
def cases(draw: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Customers, some of them archived, and arguments, all made of a few fragments."""
    some = draw(st.lists(st.sampled_from(FRAGMENTS), min_size=2, max_size=5))
    texts = st.lists(st.sampled_from([*some, " "]), min_size=1, max_size=6).map("".join)
    keys = (lambda row: row["username"], lambda row: row["email"] or (row["username"],))
    found = draw(st.lists(rows(texts), min_size=4, max_size=8, unique_by=keys))
    known = [word for row in found for word in f"{row['username']} {row['name']}".split()] or some
    begun = st.sampled_from(known).flatmap(lambda each: st.integers(1, len(each)).map(lambda end: each[:end]))
    query = st.lists(begun, min_size=1, max_size=2).map(" ".join) | texts
    search = draw(query.filter(lambda each: each.replace("\u200d", "").strip() != ""))
    return found, {"search": search, "where": draw(wheres(texts)), "archived": draw(st.booleans())}


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(case=cases(), size=st.integers(1, 4))
async def test_finds_what_the_reference_finds(
    database: Database, api: Api, case: tuple[list[dict[str, Any]], dict[str, Any]], size: int
) -> None:
    """Every match once, in the reference's order, forwards and backwards, and what is around each page."""
    rows, sent = case
    stored = await store(database, rows)
    order = expected(stored, sent["search"], sent["where"], sent["archived"])
    forwards = await walk(api, sent, size, ("first", "after", "hasNextPage", "endCursor"))
    backwards = await walk(api, sent, size, ("last", "before", "hasPreviousPage", "startCursor"))
    backwards.reverse()
    pages = -(-len(order) // size) or 1

    for walked in (forwards, backwards):
        assert order == [name for each in walked for name in usernames(each)]
        assert [False, *[True] * (pages - 1)] == [each["pageInfo"]["hasPreviousPage"] for each in walked]
        assert [*[True] * (pages - 1), False] == [each["pageInfo"]["hasNextPage"] for each in walked]
        assert [{"value": len(order), "exact": True}] * pages == [each["totalCount"] for each in walked]
