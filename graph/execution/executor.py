"""graphql-core's executor with a short way for the fields that are read straight off a row."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any

import orjson
from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    get_argument_values,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_leaf_type,
    is_non_null_type,
    is_object_type,
    located_error,
)
from graphql.execution.executor import to_nodes
from graphql.pyutils import is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from db.errors import ResponseTooLarge
from db.response_budget import ResponseBudget
from graph.errors import MAX_FIELD_ERRORS, MutationSkipped
from graph.execution.plan import INTROSPECTION
from graph.types.arguments import Arguments, Remembered, convert_arguments
from graph.types.fields import DEFINITION, Batched, Column, Computed, DeclaredField, Mutating, declaration

Read = Callable[[Any], Any]
PLAIN = {str, int, bool, float, type(None), dict, list, orjson.Fragment}
# What JSON has around a key: two quotes, a colon and a comma. Braces, brackets and null take at most as much
# again; only of mutations it is counted, whose payloads must not turn out too large in the end.
AROUND_KEY, AROUND_VALUE = 4, 4
# How many bytes are built without letting other requests go first.
STEP = 250_000
# What a mutation's response has besides its data.
RESERVED = 2_000


class RowExecutor(StrawberryGraphQLCoreExecutionContext):
    """Columns and computed values that are scalars or enums need no resolver, no Info and no path.

    What goes wrong on the short way, or finds a null that must not be, is run again on the long one,
    which raises, locates and propagates the error as the specification says.

    The JSON that is built counts towards the request's response budget. When a query exceeds it, execution
    ends with that error. A mutation has been carried out by then, so its payload is completed a second time,
    without the objects in it, and the mutations after it are not carried out.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._short = short_ways(self.schema)
        self._whole: dict[tuple[str, int], tuple[Any, Read | None]] = {}
        self._asking = with_arguments(self.schema)
        self._mutations = mutations(self.schema)
        self._arguments = Remembered()
        self.budget = self.context_value.receipt.budget if self.context_value else ResponseBudget()
        self._introspecting = asyncio.Lock()
        self._next_step = STEP
        self._without_objects = False
        # All errors of fields, those too that are not in the response.
        self.located: list[GraphQLError] = []
        self._around = AROUND_KEY
        if self.is_mutation:
            self._around += AROUND_VALUE
            self.budget.built += RESERVED

    @property
    def is_mutation(self) -> bool:
        return self.operation.operation is OperationType.MUTATION

    def complete_list_value(
        self, return_type: Any, field_details_list: Any, info: Any, path: Any, result: Any, position: Any
    ) -> Any:
        """Objects of which nothing is selected but what is on their rows are read in one go each."""
        # First, so that nothing is built in vain where others have exceeded the limit; two brackets.
        self.budget.add(2)
        item_type = getattr(return_type.of_type, "of_type", return_type.of_type)
        read = self._whole_way(item_type, field_details_list) if isinstance(result, list | tuple) else None
        slowly = partial(
            super().complete_list_value, return_type, field_details_list, info, path, result, position
        )
        if read is None:
            return slowly()
        if self.budget.built > self._next_step and is_batched(info.parent_type.fields[info.field_name]):
            return self._list_after_step(read, result, slowly)
        return self._list(read, result, slowly)

    def _list(self, read: Read, rows: Sequence[Any], slowly: Callable[[], Any]) -> Any:
        content = self._json(read, rows)
        return slowly() if content is None else self._counted(content)

    async def _list_after_step(self, read: Read, rows: Sequence[Any], slowly: Callable[[], Any]) -> Any:
        """The lists of a batch are all ready at the same time: other requests go in between."""
        await self.context_value.yield_to_others()
        self._next_step = self.budget.built + STEP
        # Meanwhile the limit may have been exceeded.
        self.budget.add(0)
        completed = self._list(read, rows, slowly)
        return await completed if is_pending(completed) else completed

    def _json(self, read: Read, rows: Sequence[Any]) -> bytes | None:
        """The list's objects as JSON, a tenth of their memory; None if one of them takes the long way."""
        try:
            return orjson.dumps([read(row) for row in rows])
        except Exception:
            return None

    def _counted(self, content: bytes) -> orjson.Fragment:
        self.budget.add(len(content) - 2)
        return orjson.Fragment(content)

    def _whole_way(self, kind: Any, details: Any) -> Read | None:
        """How an object with all that is selected of it is read off its row; None if it takes more."""
        key = (kind.name, id(details))
        if key not in self._whole:
            # With the list, so that its id is not used again.
            self._whole[key] = details, self._made_whole(kind, details)
        return self._whole[key][1]

    def _made_whole(self, kind: Any, details: Any) -> Read | None:
        if not isinstance(kind, GraphQLObjectType):
            return None
        groups = self.collect_subfields(kind, details)[0]
        parts = {name: self._part(kind, group) for name, group in groups.items()}
        if None in parts.values():
            return None
        reads: list[tuple[str, Any]] = list(parts.items())
        return lambda row: {name: read(row) for name, read in reads}

    def _part(self, kind: GraphQLObjectType, group: Any) -> Read | None:
        name = group[0].node.name.value
        if name == "__typename":
            return lambda _row: kind.name
        if leaf := self._short.get((kind.name, name)):
            return leaf
        field = kind.fields[name]
        read, below = read_off(field), self._whole_way(get_named_type(field.type), group)
        if read is None or below is None or not is_object_type(get_nullable_type(field.type)):
            return None
        if is_non_null_type(field.type):
            return lambda row: below(present(read(row)))
        if self._without_objects:
            return lambda _row: None
        return lambda row: None if (value := read(row)) is None else below(value)

    def complete_leaf_value(self, return_type: Any, result: Any) -> Any:  # type: ignore[override]
        value = super().complete_leaf_value(return_type, result)
        self.budget.add(len(orjson.dumps(value)))
        return value

    def execute_field(
        self, parent_type: Any, source: Any, field_details_list: Any, path: Any, position_context: Any
    ) -> Any:
        name = field_details_list[0].node.name.value
        key = (parent_type.name, name)
        size = len(path.key) + self._around
        if (read := self._short.get(key)) is not None:
            try:
                value = read(source)
                size += len(orjson.dumps(value))
            except Exception:  # noqa: S110
                pass
            else:
                self.budget.add(size)
                return value
        self.budget.add(size)
        if (field := self._asking.get(key)) is not None:
            execute = self._execute_asking
        elif (field := self._mutations.get(key)) is not None:
            execute = self._execute_mutation
        elif name in INTROSPECTION:
            return self._introspect(parent_type, source, field_details_list, path, position_context)
        elif self._without_objects and is_nullable_object(parent_type.fields.get(name)):
            return None
        else:
            return super().execute_field(parent_type, source, field_details_list, path, position_context)
        return execute(field, parent_type, source, field_details_list, path, position_context)

    async def _introspect(self, *arguments: Any) -> Any:
        """In a thread, one at a time: it would hold up the event loop for 0.1 seconds each."""
        async with self._introspecting:
            return await asyncio.to_thread(super().execute_field, *arguments)

    def _execute_asking(
        self, field: GraphQLField, parent_type: Any, source: Any, details: Any, path: Any, position: Any
    ) -> Any:
        """A batch with arguments; graphql-core and Strawberry would read them anew for each parent."""
        info: Any = self.build_resolve_info(field, to_nodes(details), parent_type, path)
        key = (parent_type.name, id(info.field_nodes[0]))
        try:
            arguments = self._arguments.get(key, partial(self._read_arguments, field, info))
            result = field.extensions[DEFINITION].get_result(source, info, [], arguments)
        except Exception as error:
            self.handle_field_error(error, field.type, details, path)
            return None
        return self.complete_awaitable_value(field.type, details, info, path, result, position)

    def _read_arguments(self, field: GraphQLField, info: Any) -> Arguments:
        node, hide = info.field_nodes[0], self.hide_suggestions
        sent = get_argument_values(field, node, self.variable_values, hide_suggestions=hide)
        known = field.extensions[DEFINITION].arguments
        return Arguments(convert_arguments(sent, known, info.schema._strawberry_schema))

    async def _execute_mutation(
        self, field: GraphQLField, parent_type: Any, source: Any, details: Any, path: Any, position: Any
    ) -> Any:
        """The mutation's whole payload; a dry run lasts until it has been read."""
        info: Any = self.build_resolve_info(field, to_nodes(details), parent_type, path)
        try:
            if self.budget.exceeded:
                raise MutationSkipped
            arguments = self._read_arguments(field, info)
            answer = await field.extensions[DEFINITION].get_result(source, info, [], arguments)
            complete = partial(self._complete, field.type, details, info, path, answer, position)
            return await self._payload(complete)
        except Exception as error:
            self.handle_field_error(error, field.type, details, path)
            return None
        finally:
            await self.context_value.end_dry_run()

    async def _payload(self, complete: Callable[[], Awaitable[Any]]) -> Any:
        """The payload; without its objects, which are null then, if they make the response too large."""
        errors = self.collected_errors.errors
        built, count = self.budget.built, len(errors)
        try:
            return await complete()
        except GraphQLError as error:
            if not self.budget.exceeded:
                raise
            errors[count:] = [error]
        self.budget.built = built
        self._without_objects = True
        self._whole.clear()
        try:
            return await complete()
        except GraphQLError:
            del errors[count:]
            raise

    async def _complete(self, *arguments: Any) -> Any:
        completed: Any = self.complete_value(*arguments)
        return await completed if is_pending(completed) else completed

    def handle_field_error(self, raw_error: Exception, return_type: Any, details: Any, path: Any) -> None:
        """Null the field, or raise where it cannot be null or the response is too large."""
        error = located_error(raw_error, to_nodes(details), path.as_list())
        self.located.append(error)
        is_end = self.budget.exceeded and isinstance(error.original_error, ResponseTooLarge)
        try:
            if is_non_null_type(return_type) or (is_end and not (self.is_mutation and path.prev is None)):
                raise error
            if len(self.collected_errors.errors) < MAX_FIELD_ERRORS:
                self.collected_errors.add(error, path)
        finally:
            # The error's traceback refers to this frame.
            del raw_error, error


@lru_cache(8)
def short_ways(schema: GraphQLSchema) -> dict[tuple[str, str], Read]:
    """How each leaf that is declared as data is read and serialized, by type and field."""
    ways = {}
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType):
            for name, field in kind.fields.items():
                if way := short_way(field):
                    ways[kind.name, name] = way
    return ways


@lru_cache(8)
def with_arguments(schema: GraphQLSchema) -> dict[tuple[str, str], GraphQLField]:
    """The batches that take arguments, by type and field."""
    return {
        (kind.name, name): field
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType)
        for name, field in kind.fields.items()
        if field.args and is_batched(field)
    }


@lru_cache(8)
def mutations(schema: GraphQLSchema) -> dict[tuple[str, str], GraphQLField]:
    """The mutations, by type and field."""
    kind = schema.mutation_type
    fields = kind.fields if kind else {}
    return {
        ("Mutation", name): field
        for name, field in fields.items()
        if isinstance(declaration(field.extensions[DEFINITION]), Mutating)
    }


def read_off(field: GraphQLField) -> Read | None:
    """How a field that is declared as data is read off a row, not yet serialized."""
    declared = field.extensions.get(DEFINITION)
    if not isinstance(declared, DeclaredField):
        return None
    match declaration(declared):
        case Computed(of=of):
            return of
        case Column():
            return attrgetter(declared.python_name)
        case _:
            return None


def short_way(field: GraphQLField) -> Read | None:
    read = read_off(field)
    nullable = not is_non_null_type(field.type)
    leaf: Any = field.type if nullable else field.type.of_type  # type: ignore[union-attr]
    if read is None or not is_leaf_type(leaf):
        return None
    serialize = leaf.coerce_output_value
    if nullable:
        return lambda row: None if (value := read(row)) is None else serialize(value)
    return lambda row: serialize(present(read(row)))


def present(value: Any) -> Any:
    if value is None:
        raise ValueError
    return value


def is_batched(field: GraphQLField) -> bool:
    """Whether a field's values come from a batch; all others are computed just before they are completed."""
    declared = field.extensions.get(DEFINITION)
    return isinstance(declared, DeclaredField) and isinstance(declaration(declared), Batched)


def is_nullable_object(field: GraphQLField | None) -> bool:
    """Whether a field gives an object, of a type or interface, and may be null."""
    return field is not None and is_composite_type(field.type)


def is_pending(value: Any) -> bool:
    """Whether a value is still to be awaited; most are of a kind that never is."""
    return type(value) not in PLAIN and is_awaitable(value)
