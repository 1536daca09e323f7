"""Executes a plan breadth-first: each batch function is called once for all parents of a level.

    execute ── level of the root ── its batch calls, concurrently ── the level below each call ── …

The rows of a selection are completed field by field: a field gives a column with one value for each row.
Columns and computed fields give theirs at once, batched fields when their call has returned. Then the
columns are zipped into objects, from the bottom up. A field needs no coroutine and no Info for each row.

The executor does not handle errors. Where something raises, or is null and must not be, the root field has
failed, and all other fields are read nevertheless. graphql-core then executes the failed root fields over the
recorded results (`replay.py`), without a statement, and decides about errors, their paths and nulls.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from operator import is_
from typing import Any

import orjson
from graphql import (
    GraphQLError,
    GraphQLList,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from db.engine.compiled_sql import LRUCache
from db.errors import AsOfUnavailable, DatabaseError, ResponseTooLarge
from graph.context import Batch, Context
from graph.errors import MutationSkipped
from graph.execution.document_cache import Document
from graph.execution.leaf_values import serialize
from graph.execution.plan import BoundPlan, Plan, PlannedField, Selection
from graph.execution.replay import Records, Replay, count_fallback
from graph.read_timestamps import ReadTimestamp, ResponsePath
from graph.types.fields import Batched, Load, Mutating

# TiDB still reads by key at this length, and SQLite takes 32,766 parameters.
LARGEST_BATCH = 10_000
# After so many values or bytes other requests go first. A first chunk shows how large a batch's values are.
VALUES_PER_YIELD, BYTES_PER_YIELD, FIRST_CHUNK, LARGEST_CHUNK = 5_000, 250_000, 4, 1_000
# Items of lists that are completed together.
ITEMS_PER_CHUNK = 50
# What a mutation's response has besides its data, and around each payload.
RESERVED, AROUND_PAYLOAD = 2_000, 8

# JSON of introspection that depends on no variable, by plan and key.
INTROSPECTED: LRUCache[tuple[Plan, str], bytes] = LRUCache(10_000_000, len)

# Gives a column of completed values, once everything below has been read.
Column = Callable[[], list[Any]]


@dataclass(eq=False, slots=True)
class Part:
    """Values of a batched field or a mutation, to be completed; `positions` has the value of each parent."""

    planned: PlannedField
    path: ResponsePath
    values: Sequence[Any] = ()
    positions: Sequence[int] = ()
    # As JSON, for each parent.
    completed: list[Any] = field(default_factory=list)
    size: int = 0


@dataclass(eq=False, slots=True)
class Waiting:
    """A batched field of a level: the keys of its parents, and the column that it will give."""

    part: Part
    arguments: tuple[Hashable, ...]
    timestamp: ReadTimestamp | None
    keys: list[Any] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    column: Column = list

    def is_same(self, load: Load) -> bool:
        """Whether the load has the very arguments of this one: comparing filters takes longer."""
        return load.timestamp == self.timestamp and all(map(is_, load.arguments, self.arguments))


@dataclass(eq=False, slots=True)
class Call:
    """One call of a batch function: all fields of a level with this function, arguments and timestamp."""

    batch: Batch
    arguments: tuple[Hashable, ...]
    timestamp: ReadTimestamp | None
    keys: dict[Any, None] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Level:
    """What is below one call, or the root: fields with the same parents, read as of the same `moment`."""

    moment: datetime | None = None
    calls: dict[Hashable, Call] = field(default_factory=dict)
    # A lower bound of the JSON of the parts above it, in bytes.
    pending: int = 0


class Executor:
    """Executes one bound plan. `errors` has what fields raised, after `execute`."""

    def __init__(self, document: Document, bound: BoundPlan, raw: dict[str, Any], context: Context) -> None:
        self._document, self._bound, self._raw, self._context = document, bound, raw, context
        self._plan, self._budget = bound.plan, context.receipt.budget
        self._records = Records(bound)
        self._failed: set[str] = set()
        self._without_objects = False
        self._pinned: datetime | None = None
        self._pin_lock = asyncio.Lock()
        self._values = self._bytes = self._pending = 0
        self.errors: list[GraphQLError] = []
        # Every exception; each refers to frames that hold rows.
        self.raised: list[BaseException] = []

    async def execute(self) -> dict[str, Any] | None:
        """The operation's data; lists and objects in it may be JSON already."""
        roots = self._plan.roots
        data: dict[str, Any] = dict.fromkeys([each.key for each in roots.fields])
        if roots.invalid:
            self._failed.update(data)
        elif self._plan.is_mutation:
            self._budget.built += RESERVED
            for each in roots.fields:
                data[each.key] = await self._execute_mutation(each)
        else:
            data |= await self._execute_query(roots)
        missing: set[str] = set()
        for each in roots.fields:
            if each.is_introspection:
                content = INTROSPECTED.get((self._plan, each.key))
                data[each.key] = content and orjson.Fragment(content)
                missing |= set() if content else {each.key}
        if (self._failed or missing) and not (self._budget.exceeded and not self._plan.is_mutation):
            return await self._replay(data, missing)
        return data

    async def _execute_query(self, roots: Selection) -> dict[str, Any]:
        level = Level()
        columns = {
            each.key: self._field(roots, each, [None], (each.key,), level)
            for each in roots.fields
            if not each.is_introspection
        }
        await self._run(level)
        return {key: column()[0] for key, column in columns.items()}

    async def _replay(self, data: dict[str, Any], introspection: set[str]) -> dict[str, Any] | None:
        """Have graphql-core execute what failed and what is introspected: in a thread, as it takes long."""
        replay = Replay.of(self._document.node, self._plan.operation, self._raw, self._records)
        replay.keys = self._failed | introspection
        result = await asyncio.to_thread(replay.run)
        self.raised += replay.located
        self.errors += result.errors or ()
        order = {key: index for index, key in enumerate(data)}
        self.errors.sort(key=lambda error: order[str(error.path[0])] if error.path else -1)
        if result.data is None:
            # A root field that must not be null has ended the execution: the others were not reached.
            return None
        if self._failed:
            count_fallback(self._failed, replay.located)
        if not result.errors and not self._plan.operation.variable_definitions:
            for key in introspection:
                INTROSPECTED[self._plan, key] = orjson.dumps(result.data[key])
        return data | result.data

    # Mutations

    async def _execute_mutation(self, root: PlannedField) -> Any:
        """The mutation's payload; a dry run lasts until it has been read."""
        if not isinstance(root.declared, Mutating):
            return self._plan.roots.of.name
        try:
            if self._budget.exceeded:
                raise MutationSkipped
            arguments = self._bound.arguments(root).converted()
            outcome = await root.declared.resolver(self._context, root.name, **arguments)
            self._records.outcomes[root.key] = outcome
            return await self._payload(root, outcome)
        except Exception as error:
            self._records.outcomes[root.key] = error
            self._fail((root.key,), error)
            return None
        finally:
            await self._context.end_dry_run()

    async def _payload(self, root: PlannedField, outcome: Any) -> Any:
        """The payload; without its objects, which are null then, if they make the response too large."""
        built = self._budget.built
        payload = await self._complete_payload(root, outcome)
        if self._budget.exceeded:
            self._budget.built = built
            self._without_objects = True
            self._records.forget(root.key)
            payload = await self._complete_payload(root, outcome)
            self._failed.discard(root.key)
            path = self._plan.too_large_path(root)
            excess = ResponseTooLarge(self._budget.limit)
            error = GraphQLError(str(excess), root.nodes, path=path, original_error=excess)
            self.errors.append(error)
        if root.key not in self._failed:
            self._records.forget(root.key)
        return payload

    async def _complete_payload(self, root: PlannedField, outcome: Any) -> Any:
        self._pinned = None
        part = Part(root, (root.key,), [outcome], [0])
        try:
            self._budget.add(len(root.key) + AROUND_PAYLOAD)
            await self._complete_parts([part], Level())
        except ResponseTooLarge:
            return None
        return part.completed[0]

    # Batches

    async def _run(self, level: Level) -> int:
        """Make all calls of a level, and of all levels below; the bytes of JSON that they gave."""
        calls = [self._run_call(call, level.moment) for call in level.calls.values()]
        return sum(await concurrently(calls))

    async def _run_call(self, call: Call, moment: datetime | None) -> int:
        try:
            found, moment = await self._read(call, moment)
        except Exception as error:
            found = dict.fromkeys(call.keys, error)
        try:
            for waiting in call.waiting:
                self._distribute(waiting, found)
            return await self._complete_parts([waiting.part for waiting in call.waiting], Level(moment))
        except Exception as error:
            # There is no memory for it, or the response is too large.
            for waiting in call.waiting:
                self._fail_all(waiting, error)
                waiting.part.completed = [None] * len(waiting.keys)
            return 0

    async def _read(self, call: Call, moment: datetime | None) -> tuple[dict[Any, Any], datetime | None]:
        """What the batch function finds by key, and the timestamp that it was read at."""
        timestamp = call.timestamp
        if timestamp is None:
            return await self._load(call, moment), moment
        if not timestamp.pinned:
            return await self._load(call, timestamp.moment), timestamp.moment
        pinned = timestamp.moment or moment or await self._pin()
        try:
            return await self._load(call, pinned), pinned
        except AsOfUnavailable:
            if timestamp.moment is None:
                raise
        return await self._load(call, None), None

    async def _pin(self) -> datetime:
        """The timestamp that all new pins of a request share."""
        async with self._pin_lock:
            if self._pinned is None:
                self._pinned = await self._context.reader.pin()
            return self._pinned

    async def _load(self, call: Call, moment: datetime | None) -> dict[Any, Any]:
        reader = self._context.reader
        if moment is not None:
            reader = reader.as_of(moment)
        found: dict[Any, Any] = {}
        keys = list(call.keys)
        for start in range(0, len(keys), LARGEST_BATCH):
            await self._yield()
            part = keys[start : start + LARGEST_BATCH]
            found.update(zip(part, await call.batch(reader, part, *call.arguments), strict=True))
        return found

    def _distribute(self, waiting: Waiting, found: dict[Any, Any]) -> None:
        """Give the field its values: one for each key, or with `many` a list for each parent."""
        part = waiting.part
        results = self._records.of(part.path, part.planned).results.setdefault(waiting.arguments, found)
        if results is not found and isinstance(results, dict):
            results.update(found)
        if part.planned.declared.many:  # type: ignore[union-attr]
            values: list[Any] = [[found[key] for key in keys] for keys in waiting.keys]
            broken = [any(isinstance(each, Exception) for each in value) for value in values]
            part.positions = range(len(values))
        else:
            keys = list(dict.fromkeys(waiting.keys))
            values = [found[key] for key in keys]
            broken = [isinstance(value, Exception) for value in values]
            positions = {key: index for index, key in enumerate(keys)}
            part.positions = [positions[key] for key in waiting.keys]
        if any(broken):
            self._fail(part.path, *[each for each in found.values() if isinstance(each, Exception)])
            values = [None if wrong else value for value, wrong in zip(values, broken, strict=True)]
        part.values = values

    async def _complete_parts(self, parts: Sequence[Part], below: Level) -> int:
        """Complete the values of fields that share the level below; the bytes of their JSON, for all parents.

        What is nested in them has been counted: the difference counts towards the response.
        """
        try:
            columns = [await self._start(part, below) for part in parts]
            counted = await self._run(below)
            for part, chunks in zip(parts, columns, strict=True):
                await self._finish(part, chunks)
        finally:
            self._pending -= below.pending
        size = sum([part.size for part in parts])
        self._count(size - counted)
        return size

    def _expect(self, size: int, level: Level) -> None:
        """Raises ResponseTooLarge before objects and JSON of at least `size` bytes are made."""
        level.pending += size
        self._pending += size
        self._budget.require_room(self._pending)

    def _count(self, size: int) -> None:
        """Count JSON of the response. What raises is not in it."""
        try:
            self._budget.add(size)
        except DatabaseError:
            self._budget.built -= size
            raise

    async def _start(self, part: Part, below: Level) -> list[Column]:
        """Complete what needs no batch, in chunks: other requests go in between."""
        chunks: list[Column] = []
        start, size = 0, FIRST_CHUNK
        while start < len(part.values):
            values, before = part.values[start : start + size], self._values
            kind: Any = part.planned.definition.type
            chunks.append(self._complete(kind, values, part.planned, part.path, below))
            start += size
            made = max(1, self._values - before)
            size = min(max(1, size * VALUES_PER_YIELD // made), LARGEST_CHUNK)
            if self._values >= VALUES_PER_YIELD:
                await self._yield()
        return chunks

    async def _finish(self, part: Part, chunks: list[Column]) -> None:
        """Make JSON of each value: it takes a tenth of the memory of objects."""
        made: list[Any] = []
        sizes: list[int] = []
        for column in chunks:
            for value in column():
                content = self._json(value, part.path)
                made.append(None if content is None else orjson.Fragment(content))
                sizes.append(4 if content is None else len(content))
                self._bytes += sizes[-1]
            if self._bytes >= BYTES_PER_YIELD:
                await self._yield()
        part.completed = picked(made, part.positions)
        part.size = sum(picked(sizes, part.positions))

    def _json(self, value: Any, path: ResponsePath) -> bytes | None:
        if value is None:
            return None
        try:
            return orjson.dumps(value)
        except TypeError as error:
            self._fail(path, error)
            return None

    async def _yield(self) -> None:
        self._values = self._bytes = 0
        await self._context.yield_to_others()

    # Columns

    def _complete(
        self, kind: Any, values: Sequence[Any], planned: PlannedField, path: ResponsePath, level: Level
    ) -> Column:
        """A column of completed values of a type; the path is that of the field."""
        is_non_null = is_non_null_type(kind)
        kind = kind.of_type if is_non_null else kind
        present = [value for value in values if value is not None]
        if len(present) == len(values):
            return self._complete_present(kind, present, planned, path, level)
        if is_non_null:
            self._fail(path)
        column = self._complete_present(kind, present, planned, path, level)
        return lambda: between_nulls(values, column())

    def _complete_present(
        self, kind: Any, values: list[Any], planned: PlannedField, path: ResponsePath, level: Level
    ) -> Column:
        if not values:
            return list
        if is_list_type(kind):
            return self._lists(kind, values, planned, path, level)
        if is_leaf_type(kind):
            self._values += len(values)
            return self._leaves(kind, values, path, level)
        if is_abstract_type(kind):
            return self._of_types(values, planned, path, level)
        return self._objects(planned.below[0], values, path, level)

    def _leaves(self, kind: Any, values: list[Any], path: ResponsePath, level: Level) -> Column:
        try:
            completed = serialize(kind, values)
        except Exception as error:
            self._fail(path, error)
            completed = [None] * len(values)
        if any(isinstance(each, list | dict) for each in completed):
            made = [self._json(each, path) or b"null" for each in completed]
            self._expect(sum(map(len, made)), level)
            fragments = list(map(orjson.Fragment, made))
            return lambda: fragments
        self._expect(sum([len(each) if type(each) is str else 1 for each in completed]), level)
        return lambda: completed

    def _lists(
        self,
        kind: GraphQLList[Any],
        values: list[Any],
        planned: PlannedField,
        path: ResponsePath,
        level: Level,
    ) -> Column:
        """All items of all lists are one column. It is made in chunks: a response too large ends early."""
        if not all(isinstance(value, list | tuple) for value in values):
            self._fail(path)
            return lambda: [None] * len(values)
        items = list(chain.from_iterable(values))
        chunks = [
            self._complete(kind.of_type, items[start : start + ITEMS_PER_CHUNK], planned, path, level)
            for start in range(0, len(items), ITEMS_PER_CHUNK)
        ]
        lengths = list(map(len, values))

        def lists() -> list[Any]:
            completed = chain.from_iterable([column() for column in chunks])
            return [list(islice(completed, length)) for length in lengths]

        return lists

    def _of_types(self, values: list[Any], planned: PlannedField, path: ResponsePath, level: Level) -> Column:
        """Objects of an abstract type, each completed as what it is: its class has the name of its type."""
        names = [type(value).__name__ for value in values]
        columns: dict[str, Column] = {}
        for selection in planned.below:
            name = selection.of.name
            if rows := [value for value, kind in zip(values, names, strict=True) if kind == name]:
                columns[name] = self._objects(selection, rows, path, level)
        if not columns.keys() >= set(names):
            self._fail(path)

        def merged() -> list[Any]:
            completed = {name: iter(column()) for name, column in columns.items()}
            return [next(completed[name]) if name in completed else None for name in names]

        return merged

    def _objects(self, selection: Selection, rows: list[Any], path: ResponsePath, level: Level) -> Column:
        if selection.invalid:
            self._fail(path)
            return lambda: [None] * len(rows)
        keys = [each.key for each in selection.fields]
        # Braces, and for each field its name in quotes and a colon.
        self._expect(len(rows) * sum([3 + len(key) for key in keys]), level)
        columns = [self._field(selection, each, rows, (*path, each.key), level) for each in selection.fields]
        if not columns:
            return lambda: [{} for _ in rows]

        def objects() -> list[Any]:
            return [
                dict(zip(keys, values, strict=True))
                for values in zip(*[column() for column in columns], strict=True)
            ]

        return objects

    def _field(
        self, selection: Selection, planned: PlannedField, rows: list[Any], path: ResponsePath, level: Level
    ) -> Column:
        definition = planned.definition
        if definition.field is None:
            names = [selection.of.name] * len(rows)
            self._values += len(rows)
            return lambda: names
        if self._without_objects and definition.is_nullable_object:
            return lambda: [None] * len(rows)
        if isinstance(definition.declared, Batched):
            return self._batched(planned, definition.declared, rows, path, level)
        read = definition.read
        try:
            values = list(map(read, rows))
        except Exception as error:
            self._fail(path, error)
            values = [value_or_none(read, row) for row in rows]
        return self._complete(definition.type, values, planned, path, level)

    def _batched(
        self, planned: PlannedField, declared: Batched, rows: list[Any], path: ResponsePath, level: Level
    ) -> Column:
        """Add the field to the calls of its level: to one, as all parents share the arguments."""
        self._records.of(path, planned)
        try:
            arguments = self._bound.arguments(planned).converted()
        except Exception as error:
            self._fail(path, error)
            return lambda: [None] * len(rows)
        groups: dict[Hashable, Waiting] = {}
        last: Waiting | None = None
        for index, row in enumerate(rows):
            try:
                load = declared.plan(row, arguments)
            except Exception as error:
                self._fail(path, error)
                continue
            if last is None or not last.is_same(load):
                made = Waiting(Part(planned, path), load.arguments, load.timestamp)
                last = groups.setdefault((load.arguments, load.timestamp), made)
            last.keys.append(load.key)
            last.parents.append(index)
        for waiting in groups.values():
            self._wait(waiting, declared, level)
        if len(groups) == 1 and last and len(last.parents) == len(rows):
            return last.column
        return lambda: self._merged(groups.values(), len(rows))

    def _wait(self, waiting: Waiting, declared: Batched, level: Level) -> None:
        """Have the field wait for a call; nothing is called for objects of which only the key is selected."""
        part = waiting.part
        try:
            self._check_timestamp(waiting.timestamp)
        except AsOfUnavailable as error:
            self._fail_all(waiting, error)
            waiting.column = lambda: [None] * len(waiting.keys)
            return
        if declared.id_only_row and part.planned.is_key_only:
            self._distribute(waiting, {key: declared.id_only_row(key) for key in waiting.keys})
            column = self._complete(part.planned.definition.type, part.values, part.planned, part.path, level)
            waiting.column = lambda: picked(column(), part.positions)
            return
        arguments = waiting.arguments
        if declared.rows:
            arguments = (*arguments, self._plan.columns[declared])
        made = Call(declared.batch, arguments, waiting.timestamp)
        call = level.calls.setdefault((declared.batch, arguments, waiting.timestamp), made)
        keys = chain.from_iterable(waiting.keys) if declared.many else waiting.keys
        call.keys.update(dict.fromkeys(keys))
        call.waiting.append(waiting)
        waiting.column = lambda: part.completed

    def _check_timestamp(self, timestamp: ReadTimestamp | None) -> None:
        """Raises AsOfUnavailable, also where nothing is read: `nodes` of no ids, say."""
        if timestamp and timestamp.pinned:
            self._context.reader.require_stale_reads()
        elif timestamp and timestamp.moment:
            self._context.reader.as_of(timestamp.moment)

    def _merged(self, groups: Iterable[Waiting], length: int) -> list[Any]:
        merged: list[Any] = [None] * length
        for waiting in groups:
            for index, value in zip(waiting.parents, waiting.column(), strict=True):
                merged[index] = value
        return merged

    def _fail_all(self, waiting: Waiting, error: Exception) -> None:
        """The error is that of the field for all parents."""
        self._records.of(waiting.part.path, waiting.part.planned).results[waiting.arguments] = error
        self._fail(waiting.part.path, error)

    def _fail(self, path: ResponsePath, *errors: BaseException) -> None:
        """Leave the root field to graphql-core."""
        self._failed.add(path[0])
        self.raised += errors


async def concurrently(calls: Sequence[Coroutine[Any, Any, int]]) -> list[int]:
    """The results of all; one alone needs no task."""
    return [await calls[0]] if len(calls) == 1 else await asyncio.gather(*calls)


def between_nulls(values: Sequence[Any], completed: list[Any]) -> list[Any]:
    """The completed values in the positions of those that are not null."""
    rest = iter(completed)
    return [None if value is None else next(rest) for value in values]


def picked(values: Sequence[Any], positions: Sequence[int]) -> list[Any]:
    """The values in these positions."""
    return [values[position] for position in positions]


def value_or_none(read: Callable[[Any], Any], row: Any) -> Any:
    """What is read of a row; None for one that fails, as all others are read nevertheless."""
    try:
        return read(row)
    except Exception:
        return None
