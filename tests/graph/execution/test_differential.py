"""The executor answers as graphql-core alone does: random queries over the whole schema and random data."""

import gc
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import orjson
import pytest
from graphql import (
    GraphQLError,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_non_null_type,
    is_required_argument,
    parse,
)
from graphql.execution.values import VariableValues, get_variable_values

from db.engine.database import Database
from db.engine.deadline import Deadline
from db.errors import StatementFailed
from db.maintenance import seed
from db.maintenance.sample_data import Sample
from db.reader import Reader
from graph.auth.callers import ANONYMOUS
from graph.context import Context
from graph.execution.document_cache import Document
from graph.execution.executor import Executor
from graph.execution.plan import BoundPlan
from graph.execution.replay import UNEXPLAINED, fallbacks
from graph.global_ids import GlobalId
from graph.schema import build
from tests.conftest import on_sqlite
from tests.graph.execution import plain_graphql
from tests.shop import open_shop

# graphql-core alone leaves coroutines of fields beside one that has failed.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine 'Executor:RuntimeWarning")
# For each test; on demand TIDEGRAPH_DIFFERENTIAL_DOCUMENTS=20000.
COUNT = int(os.environ.get("TIDEGRAPH_DIFFERENTIAL_DOCUMENTS", "60"))
SCHEMA = build(subgraph=True)
CORE: Any = SCHEMA._schema
PAST = "2026-01-01T00:00:00Z"
DEEPEST, WIDEST = 7, 4
IDS = [GlobalId(kind, number).encode() for kind in ("Customer", "Order") for number in range(1, 6)]
# Literals by the name of the argument; most are right.
LITERALS: dict[str, list[str]] = {
    "first": ["0", "1", "2", "3", "20", "null", "-1", "101"],
    "last": ["null", "1", "2"],
    "after": ["null", '"x"'],
    "before": ["null"],
    "snapshot": ["LATEST", "null", "PINNED"],
    "limit": ["0", "1", "5", "-1"],
    "search": ["null", '"a"', '"  "', '"e"'],
    "includeArchived": ["true", "false", "null"],
    "groupBy": ["[STATUS]", "[CUSTOMER, STATUS]", "[MONTH]", "[DAY, MONTH]", "[]"],
    "timeZone": ['"UTC"', '"Europe/Berlin"', '"Nowhere"'],
    "asOf": ["null", f'"{PAST}"'],
    "includeDeprecated": ["true"],
    "name": ['"Order"', '"Nothing"'],
    "id": [f'"{each}"' for each in IDS] + ['"x"'],
    "node": [f'"{each}"' for each in IDS] + ['"x"'],
    "ids": [f'["{IDS[0]}", "{IDS[5]}", "x", "{IDS[0]}"]', "[]", f'["{IDS[6]}"]'],
    "representations": [
        f'[{{__typename: "Customer", id: "{IDS[0]}"}}, {{__typename: "Order", id: "{IDS[7]}"}}]',
        '[{__typename: "Order", id: "x"}]',
        '["x"]',
        "[]",
    ],
}
BY_TYPE: dict[str, list[str]] = {
    "CustomerBy": [f'{{id: "{each}"}}' for each in IDS[:5]] + ['{username: "nobody"}', "{}"],
    "OrderBy": [f'{{id: "{each}"}}' for each in IDS[5:]] + ['{reference: "SO-1"}'],
    "CustomerWhere": ["null", '{name: {contains: "a"}}', "{orders: {some: {status: {eq: PAID}}}}", "{}"],
    "OrderWhere": ["null", "{status: {eq: PAID}}", "{not: {status: {eq: PAID}}}", "{reference: {eq: null}}"],
    "CustomerOrder": ["[{field: USERNAME}]", "[{field: NAME, direction: DESC}]", "null"],
    "OrderOrder": ["[{field: CREATED_AT}]", "[{field: STATUS}]", "[{field: PLACED_AT, direction: ASC}]"],
    "OrderSummaryOrder": ["[{field: COUNT, direction: DESC}]", "null"],
}


class Generator:
    """Random valid queries: aliases, fragments, repeated fields, directives, variables, all arguments."""

    def __init__(self, number: int) -> None:
        self._random = random.Random(number)
        self._fragments: list[str] = []
        self._size = 0

    def document(self) -> str:
        selection = self._selection(CORE.query_type, 0)
        return f"query ($yes: Boolean = true, $no: Boolean = false) {selection} {' '.join(self._fragments)}"

    def _selection(self, kind: Any, depth: int) -> str:
        parts = [self._part(kind, depth) for _ in range(self._random.randint(1, WIDEST))]
        return f"{{ {' '.join(parts)} }}"

    def _part(self, kind: Any, depth: int) -> str:
        chance = self._random.random()
        if is_abstract_type(kind):
            if chance < 0.2 or not getattr(kind, "fields", None):
                on = self._random.choice(CORE.get_possible_types(kind))
                return f"__typename ... on {on.name} {self._selection(on, depth)}"
        elif chance < 0.08 and depth < DEEPEST:
            return f"...{self._directive()} {self._selection(kind, depth)}"
        elif chance < 0.14 and depth < DEEPEST:
            name, at = f"F{len(self._fragments)}", len(self._fragments)
            self._fragments.append("")
            self._fragments[at] = f"fragment {name} on {kind.name} {self._selection(kind, depth)}"
            return f"...{name}"
        if chance > 0.95:
            return "__typename"
        return self._field(kind, depth)

    def _field(self, kind: Any, depth: int) -> str:
        fields = {
            name: field
            for name, field in kind.fields.items()
            if depth + self._size // 60 < DEEPEST or is_leaf_type(get_named_type(field.type))
        }
        if not fields:
            return "__typename"
        name = self._random.choice(sorted(fields))
        self._size += 1
        # The same key stands for the same field and arguments everywhere: then all selections merge.
        arguments = self._arguments(fields[name])
        key = f"{name}_{crc32(f'{kind.name}.{name}{arguments}'.encode())}"
        below = get_named_type(fields[name].type)
        selection = "" if is_leaf_type(below) else f" {self._selection(below, depth + 1)}"
        return f"{key}: {name}{arguments}{self._directive()}{selection}"

    def _arguments(self, field: Any) -> str:
        sent = [
            f"{name}: {self._value(name, argument.type)}"
            for name, argument in field.args.items()
            if is_required_argument(argument) or self._random.random() < 0.25
        ]
        return f"({', '.join(sent)})" if sent else ""

    def _value(self, name: str, kind: Any) -> str:
        literals = LITERALS.get(name) or BY_TYPE[get_named_type(kind).name]
        return self._random.choice(
            [each for each in literals if each != "null" or not is_non_null_type(kind)]
        )

    def _directive(self) -> str:
        if self._random.random() > 0.1:
            return ""
        return self._random.choice([" @include(if: $yes)", " @skip(if: $no)", " @skip(if: $yes)"])


class TestReader(Reader):
    """A Reader whose statements about some tables fail, and whose new pins are all of one time."""

    # Not a class of tests.
    __test__ = False

    def __init__(self, reader: Reader, tables: tuple[str, ...], pinned: datetime) -> None:
        self.__dict__.update(vars(reader))
        self._tables, self._pinned = tables, pinned

    def as_of(self, read_timestamp: datetime) -> Reader:
        return TestReader(super().as_of(read_timestamp), self._tables, self._pinned)

    async def pin(self) -> datetime:
        self.require_stale_reads()
        return self._pinned

    async def fetch(self, statement: Any, parameters: Any = None) -> Any:
        text = str(getattr(statement, "text", None) or statement)
        if any(f"FROM {table}" in text for table in self._tables):
            raise StatementFailed("broken")
        return await super().fetch(statement, parameters)


class Comparison:
    """Runs one document both ways, and compares data, errors and statements."""

    def __init__(
        self, database: Database, text: str, owner: int | None, broken: tuple[str, ...], pinned: datetime
    ) -> None:
        self._database, self._owner, self._broken, self._pinned = database, owner, broken, pinned
        self._document = Document(parse(text), len(text))
        self._raw: dict[str, Any] = {}
        operation = self._document.operation(None)
        values = get_variable_values(CORE, operation.variable_definitions or (), self._raw)
        assert isinstance(values, VariableValues)
        self._values, self._plan = values, self._document.plan(CORE, operation, values)

    def _context(self) -> Context:
        caller = ANONYMOUS if self._owner is None else ANONYMOUS._replace(customer_id=self._owner)
        context = Context(self._database, Deadline.none(), caller)
        context.reader = TestReader(context.reader, self._broken, self._pinned)
        return context

    async def run(self) -> bool:
        """Whether there was no error. Raises AssertionError for any difference."""
        context, plain_context = self._context(), self._context()
        executor = Executor(self._document, BoundPlan(self._plan, self._values, SCHEMA), self._raw, context)
        data = plain(await executor.execute())
        bound = BoundPlan(self._plan, self._values, SCHEMA)
        expected = await plain_graphql.execute(self._document, bound, self._raw, plain_context)

        assert plain(expected.data) == data
        assert nulled(expected.data, expected.errors or ()) == nulled(data, executor.errors)
        if not expected.errors:
            assert plain_context.receipt.statements == context.receipt.statements
        return not expected.errors


def plain(data: Any) -> Any:
    return orjson.loads(orjson.dumps(data))


def nulled(data: Any, errors: Any) -> set[tuple[str | int, ...]]:
    """The places that errors have made null; which of several errors below is reported depends on timing."""
    return {place(data, error) for error in errors}


def place(data: Any, error: GraphQLError) -> tuple[str | int, ...]:
    found: tuple[str | int, ...] = ()
    value = plain(data)
    for key in error.path or ():
        if value is None:
            break
        value, found = value[key], (*found, key)
    return found


def documents(salt: int) -> Iterator[tuple[int, str]]:
    for number in range(COUNT):
        yield number, Generator(salt * 1_000_000 + number).document()


@pytest.fixture
async def shop(database: Database) -> Database:
    await open_shop(database)
    await seed.fill(database, Sample(1), customer_count=6, orders_each=4, progress=lambda _rows: None)
    return database


async def compare(shop: Database, salt: int, owner: int | None = None, *broken: str) -> float:
    """The share of documents without an error."""
    before, good = fallbacks[UNEXPLAINED], 0
    pinned = datetime.now(UTC) if shop.url.is_sqlite else await shop.reader().pin()
    # A timestamp that TiDB can read.
    readable = pinned.isoformat(timespec="milliseconds")
    for number, generated in documents(salt):
        text = generated.replace(PAST, readable)
        try:
            good += await Comparison(shop, text, owner, broken, pinned).run()
        except Exception as error:
            raise AssertionError(f"document {number}: {text}") from error
    # Here, and not in a later test.
    gc.collect()
    assert before == fallbacks[UNEXPLAINED]
    return good / COUNT


async def test_any_query_is_answered_as_graphql_core_does(shop: Database) -> None:
    """The data, the places of errors, and where there are none the number of statements."""
    assert await compare(shop, 1) > 0.3


@on_sqlite
async def test_a_bound_key_reads_the_same(shop: Database) -> None:
    """One customer's rows alone."""
    assert await compare(shop, 2, 1) > 0.3


@on_sqlite
@pytest.mark.parametrize("table", ["order_lines", "customers", "orders"])
async def test_failing_batches_give_the_same_errors(shop: Database, table: str) -> None:
    """Everything that can be read is in the response, and the rest is null."""
    assert await compare(shop, 3, None, table) < 1


@on_sqlite
async def test_failing_values_give_the_same_errors(shop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """An id that cannot be encoded nulls what it must, and nothing else."""
    encode = GlobalId.encode

    def broken(self: GlobalId) -> Any:
        if self.row_id % 3 == 0:
            raise ZeroDivisionError
        return encode(self)

    monkeypatch.setattr(GlobalId, "encode", broken)

    assert await compare(shop, 4) < 1
