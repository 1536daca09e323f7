"""Whatever was done: a key's answer stays as it was, but for what an erasure took out of it since."""

import re
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from db.engine.database import Database
from db.models import Customer, history, idempotency_keys, metadata
from graph.global_ids import GlobalId
from tests.api import Api
from tests.conftest import KINDS
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run
from tests.graph.writing.test_batches_property import empty
from tests.table_rows import rows_of, stored_rows

pytestmark = pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
CURRENT = """... on VersionConflictError {
  current { ... on Customer { id username name email version } }
  changes { version action fields { field before after } }
}"""
DOCUMENTS = {
    each: getattr(mutations, f"{each}_CUSTOMER").replace("...Problem }", f"...Problem {CURRENT} }}")
    for each in ("CREATE", "UPDATE", "ARCHIVE", "RESTORE", "DELETE", "ERASE")
} | {"UPSERT": mutations.UPSERT_CUSTOMERS.replace("...Problem }", f"...Problem {CURRENT} }}")}
# Few, so that they are taken, given up and taken again; none is in what the tables hold otherwise.
HANDLES, NAMES = st.sampled_from(["zora", "zeno"]), st.sampled_from(["Zadie", "Zelda", "Zohra", "Zuri"])
EMAILS = st.none() | st.sampled_from(["zz@example.com", "zy@example.com"])
VALUES = re.compile("zora|zeno|zadie|zelda|zohra|zuri|zz|zy", re.IGNORECASE)
VERSION = {"expectedVersion": st.integers(1, 4)}
WHO = {"id": st.integers(0, 1)}
ITEM = st.fixed_dictionaries({"username": HANDLES, "name": NAMES}, optional={"email": EMAILS, **VERSION})
INPUTS = {
    "CREATE": st.fixed_dictionaries({"username": HANDLES, "name": NAMES}, optional={"email": EMAILS}),
    "UPDATE": st.fixed_dictionaries(
        WHO, optional={"username": HANDLES, "name": NAMES, "email": EMAILS, **VERSION}
    ),
    **dict.fromkeys(("ARCHIVE", "RESTORE", "DELETE"), st.fixed_dictionaries(WHO, optional=VERSION)),
    "ERASE": st.fixed_dictionaries(WHO),
    "UPSERT": st.fixed_dictionaries(
        {"items": st.lists(ITEM, min_size=1, max_size=3), "mode": st.sampled_from(["EACH", "ALL_OR_NOTHING"])}
    ),
}
STEPS = st.one_of(
    # More updates than others: what is told is found in those that came later.
    *(st.tuples(st.just(name), INPUTS[name]) for name in (*INPUTS, "UPDATE", "UPDATE")),
    st.tuples(st.just("AGAIN"), st.fixed_dictionaries({"sent": st.integers(0, 20), "dryRun": st.booleans()})),
)


@dataclass
class Told:
    """What was sent, each under a key of its own, and what it is to be answered from now on."""

    api: Api
    database: Database
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)

    async def step(self, name: str, asked: dict[str, Any]) -> None:
        if name == "AGAIN":
            if self.sent:
                await self.again(asked["sent"] % len(self.sent), dryRun=asked["dryRun"])
            return
        known = await customers_of(self.database)
        if "id" in asked and not known:
            return
        named = {**asked, "id": known[asked["id"] % len(known)]} if "id" in asked else asked
        await run(self.api, DOCUMENTS[name], **named, dryRun=True)
        await self.send(name, named)

    async def send(self, name: str, asked: dict[str, Any]) -> None:
        keyed = {**asked, "idempotencyKey": f"{len(self.sent)}"}
        self.answers.append(plain(await run(self.api, DOCUMENTS[name], **keyed)))
        self.sent.append((name, keyed))
        if name == "ERASE":
            self.answers = [without(asked["id"], each) for each in self.answers]

    async def again(self, number: int, **more: Any) -> None:
        name, keyed = self.sent[number]
        before = await stored_rows(self.database)

        assert self.answers[number] == plain(await run(self.api, DOCUMENTS[name], **keyed, **more))
        assert before == await stored_rows(self.database)


async def customers_of(database: Database) -> list[str]:
    """The ids of all that ever were, those that were deleted too."""
    rows = await rows_of(database, history)
    found = dict.fromkeys(row[0] for row in rows if row[1] == Customer.__name__)
    return [GlobalId(Customer.__name__, each).encode() for each in found]


def plain(answer: Any) -> Any:
    """The number in an erased customer's handle does not matter, nor what comes behind it."""
    return orjson.loads(re.sub(rb'"erased-[^"]*"', b'"erased"', orjson.dumps(answer)))


def without(node: str, answer: Any) -> Any:
    """The answer, without what was personal of one customer."""
    match answer:
        case {"current": {"id": str(known)}, "changes": changes} if known == node:
            gone = [{**each, "fields": [blank(side) for side in each["fields"]]} for each in changes]
            return {**answer, "current": without(node, answer["current"]), "changes": gone}
        case {"id": str(known), "username": _} if known == node:
            return {**answer, "username": "erased", "name": "erased", "email": None}
        case dict():
            return {name: without(node, each) for name, each in answer.items()}
        case list():
            return [without(node, each) for each in answer]
    return answer


def blank(side: dict[str, Any]) -> dict[str, Any]:
    return side if side["field"] == "archivedAt" else {**side, "before": None, "after": None}


async def found_in(database: Database) -> set[str]:
    """The tables in which there is a value of anybody's."""
    rows = {table: await rows_of(database, table) for table in metadata.sorted_tables}
    return {table.name for table, found in rows.items() if VALUES.search(str(found))}


# To make a failure smaller would take minutes.
@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEPS, min_size=10, max_size=18))
async def test_an_answer_stays_as_it_was_but_for_erasures(
    database: Database, api: Api, monkeypatch: pytest.MonkeyPatch, steps: Any
) -> None:
    """Each change is rehearsed, made, and sent again in between and in the end; then all are erased."""
    monkeypatch.setattr("db.audit.audit_log.PAGE_SIZE", 2)
    monkeypatch.setattr("db.audit.audit_log.MAX_CHANGES_SINCE", 2)
    await empty(database)
    told = Told(api, database)
    for name, asked in steps:
        await told.step(name, asked)
        assert idempotency_keys.name not in await found_in(database)
    for node in await customers_of(database):
        await told.send("ERASE", {"id": node})

    assert set() == await found_in(database)
    for number in range(len(told.sent)):
        await told.again(number)
