"""Scalars and enums of a column of values, as JSON has them."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLID,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
    is_enum_type,
)

# Values of exactly this class are returned as they are by the scalar itself.
UNCHANGED: Mapping[GraphQLLeafType, type] = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}


def serialize(kind: GraphQLLeafType, values: list[Any]) -> list[Any]:
    """The values as JSON has them; none of them is None. Raises what graphql-core would."""
    unchanged = UNCHANGED.get(kind)
    if unchanged and set(map(type, values)) == {unchanged}:
        return values
    completed: list[Any]
    if is_enum_type(kind):
        known = {value: kind.coerce_output_value(value) for value in set(values)}
        completed = [known[value] for value in values]
    else:
        completed = list(map(kind.coerce_output_value, values))
    if any(value is None or value is Undefined for value in completed):
        raise TypeError(f"{kind.name} has no JSON value for one of these")
    return completed
