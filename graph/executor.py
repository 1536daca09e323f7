"""graphql-core's executor with a short way for the fields that are read straight off a row."""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    is_leaf_type,
    is_non_null_type,
)
from graphql.pyutils import is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graph.types.fields import Column, Computed, DeclaredField, declaration

Read = Callable[[Any], Any]
FIELD = "strawberry-definition"
PLAIN = {str, int, bool, float, type(None), dict, list}


class RowExecutor(StrawberryGraphQLCoreExecutionContext):
    """Columns and computed values that are scalars or enums need no resolver, no Info and no path.

    What goes wrong on the short way, or finds a null that must not be, is run again on the long one,
    which raises, locates and propagates the error as the specification says.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._short = short_ways(self.schema)

    def execute_field(
        self, parent_type: Any, source: Any, field_details_list: Any, path: Any, position_context: Any
    ) -> Any:
        read = self._short.get((parent_type.name, field_details_list[0].node.name.value))
        if read is not None:
            try:
                return read(source)
            except Exception:  # noqa: S110
                pass
        result: Any = super().execute_field(parent_type, source, field_details_list, path, position_context)
        if parent_type is self.schema.mutation_type and is_pending(result):
            return self._ended(result)
        return result

    async def _ended(self, result: Awaitable[Any]) -> Any:
        """The mutation's whole payload; a dry run lasts until it has been read."""
        try:
            return await result
        finally:
            await self.context_value.end_rehearsal()


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


def short_way(field: GraphQLField) -> Read | None:
    declared = field.extensions.get(FIELD)
    nullable = not is_non_null_type(field.type)
    leaf: Any = field.type if nullable else field.type.of_type  # type: ignore[union-attr]
    if not isinstance(declared, DeclaredField) or not is_leaf_type(leaf):
        return None
    match declaration(declared):
        case Computed(of=of):
            read = of
        case Column():
            read = attrgetter(declared.python_name)
        case _:
            return None
    serialize = leaf.coerce_output_value
    if nullable:
        return lambda row: None if (value := read(row)) is None else serialize(value)
    return lambda row: serialize(present(read(row)))


def present(value: Any) -> Any:
    if value is None:
        raise ValueError
    return value


def is_pending(value: Any) -> bool:
    """Whether a value is still to be awaited; most are of a kind that never is."""
    return type(value) not in PLAIN and is_awaitable(value)
