"""graphql-core alone, with a DataLoader for each place: what the executor is compared with."""

import asyncio
from collections.abc import Awaitable, Hashable
from datetime import datetime
from typing import Any

from graphql import ExecutionResult
from graphql.execution.executor import to_nodes
from strawberry.dataloader import DataLoader
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from db.errors import AsOfUnavailable
from graph.context import Context
from graph.execution.document_cache import Document
from graph.execution.plan import BoundPlan, PlannedField, Selection
from graph.types.fields import DEFINITION, Batched, Load, declaration

Place = tuple[str, ...]


def observed(future: asyncio.Future[Any]) -> asyncio.Future[Any]:
    """The same future; asyncio does not log its exception if graphql-core never awaits it."""
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


class Loaders:
    """One DataLoader for each field of each level; fields with the same parents and arguments share one."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_place: dict[Hashable, DataLoader[Any, Any]] = {}
        self._by_parents: dict[Hashable, DataLoader[Any, Any]] = {}
        self._parents: dict[Place, DataLoader[Any, Any]] = {}
        self.loading: list[asyncio.Future[Any]] = []

    def load(self, place: Place, load: Load, batch: Any, moment: datetime | None) -> Awaitable[Any]:
        known = (place, batch, load.arguments, moment)
        if known not in self._by_place:
            self._by_place[known] = self._parents[place] = self._shared(place, load, batch, moment)
        # graphql-core cancels the siblings of a field that fails, and others may wait for the same key.
        self.loading.append(asyncio.ensure_future(self._by_place[known].load(load.key)))
        return observed(asyncio.shield(self.loading[-1]))

    def _shared(self, place: Place, load: Load, batch: Any, moment: datetime | None) -> DataLoader[Any, Any]:
        above = (self._parents.get(place[:length]) for length in range(len(place) - 1, 0, -1))
        shared = (next(filter(None, above), None), batch, load.arguments, moment)
        if shared not in self._by_parents:
            reader = self._context.reader if moment is None else self._context.reader.as_of(moment)

            async def read(keys: list[Any]) -> Any:
                return await batch(reader, keys, *load.arguments)

            self._by_parents[shared] = DataLoader(read)
        return self._by_parents[shared]


class PlainExecutor(StrawberryGraphQLCoreExecutionContext):
    """Every batched field waits for its DataLoader, and all else is graphql-core's."""

    def prepare(self, bound: BoundPlan, context: Context) -> None:
        self._bound, self._context, self.loaders = bound, context, Loaders(context)
        self._moments: dict[Place, datetime | None] = {}
        self._pin: asyncio.Future[datetime] | None = None
        self._fields: dict[tuple[str, int], PlannedField] = {}
        self._collect(bound.plan.roots)

    def _collect(self, selection: Selection) -> None:
        for field in selection.fields:
            self._fields[selection.of.name, id(field.nodes[0])] = field
            for each in field.below:
                self._collect(each)

    def execute_field(self, parent_type: Any, source: Any, details: Any, path: Any, position: Any) -> Any:
        defined = parent_type.fields.get(details[0].node.name.value)
        declared = declaration(defined.extensions[DEFINITION]) if defined else None
        if not isinstance(declared, Batched):
            return super().execute_field(parent_type, source, details, path, position)
        info: Any = self.build_resolve_info(defined, to_nodes(details), parent_type, path)
        field = self._fields[parent_type.name, id(details[0].node)]
        try:
            found = self._resolve(declared, field, source, path)
            if not isinstance(found, Awaitable):
                return self.complete_value(defined.type, details, info, path, found, position)
        except Exception as error:
            self.handle_field_error(error, defined.type, details, path)
            return None
        return self.complete_awaitable_value(defined.type, details, info, path, found, position)

    def _resolve(self, batched: Batched, field: PlannedField, source: Any, path: Any) -> Any:
        """A row, or what it is to be awaited for: loads of a level are made at once."""
        load = batched.plan(source, self._bound.arguments(field).converted())
        if batched.id_only_row and field.is_key_only:
            return batched.id_only_row(load.key)
        if batched.rows:
            load = load._replace(arguments=(*load.arguments, self._bound.plan.columns[batched]))
        place = tuple(key for key in path.as_list() if isinstance(key, str))
        if load.timestamp is None:
            return self._load(batched, load, place, self._moment(place))
        if not load.timestamp.pinned:
            self._moments[place] = load.timestamp.moment
            return self._load(batched, load, place, load.timestamp.moment)
        return self._read_pinned(batched, load, place)

    async def _read_pinned(self, batched: Batched, load: Load, place: Place) -> Any:
        timestamp: Any = load.timestamp
        self._context.reader.require_stale_reads()
        if self._pin is None:
            self._pin = asyncio.ensure_future(self._context.reader.pin())
        moment = timestamp.moment or self._moment(place) or await self._pin
        self._moments[place] = moment
        try:
            return await self._load(batched, load, place, moment)
        except AsOfUnavailable:
            if timestamp.moment is None:
                raise
        self._moments[place] = None
        return await self._load(batched, load, place, None)

    def _moment(self, place: Place) -> datetime | None:
        places = (place[:length] for length in range(len(place) - 1, 0, -1))
        return next((self._moments[each] for each in places if each in self._moments), None)

    def _load(self, batched: Batched, load: Load, place: Place, moment: datetime | None) -> Awaitable[Any]:
        if moment is not None:
            self._context.reader.as_of(moment)
        if not batched.many:
            return self.loaders.load(place, load, batched.batch, moment)
        keys = [load._replace(key=key) for key in load.key]
        loads = [self.loaders.load(place, each, batched.batch, moment) for each in keys]
        return observed(asyncio.gather(*loads))


async def execute(
    document: Document, bound: BoundPlan, raw: dict[str, Any], context: Context
) -> ExecutionResult:
    """What graphql-core makes of a query."""
    schema: Any = bound.schema
    executor: Any = PlainExecutor.build(schema._schema, document.node, raw_variable_values=raw)
    executor.prepare(bound, context)
    result = executor.execute_operation()
    found: ExecutionResult = await result if asyncio.iscoroutine(result) else result
    # It does not wait for the fields beside one that has failed.
    await asyncio.gather(*executor.loaders.loading, return_exceptions=True)
    while waiting := list(executor.background_futures):
        await asyncio.wait(waiting)
    return found
