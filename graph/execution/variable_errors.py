"""Errors of variables that cannot be coerced: all of them, each with its path from the variable's name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import orjson
from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableDefinitionNode,
    is_required_input_field,
    type_from_ast,
)
from graphql.pyutils import suggestion_list

from graph.errors import BAD_USER_INPUT
from graph.types.fields import DEFINITION

Path: TypeAlias = tuple[str | int, ...]
MAX_ERRORS = 100
MAX_SHOWN = 60
JSON_TYPES: dict[type, str] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
    type(None): "null",
}
EXPECTED = {
    "Int": "a whole number from -2147483648 to 2147483647",
    "Float": "a number",
    "String": "a string",
    "Boolean": "true or false",
    "ID": "a string",
}


def variable_errors(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    values: Mapping[str, Any],
    *,
    suggestions: bool,
) -> list[GraphQLError]:
    """Every error, up to MAX_ERRORS, in the order of the variables.

    `extensions.path` starts at the variable's name; list indexes are integers. With `suggestions` messages
    list what would be valid. Raises RecursionError for values nested deeper than Python's stack.
    """
    errors = VariableErrors(suggestions)
    found: list[GraphQLError] = []
    for definition in operation.variable_definitions or ():
        for path, message in errors.of_variable(schema, definition, values):
            extensions = {"code": BAD_USER_INPUT, "path": [_short(step) for step in path]}
            found.append(GraphQLError(f"{_shown(path)} {message}", definition, extensions=extensions))
            if len(found) == MAX_ERRORS:
                return found
    return found


class VariableErrors:
    """Walks a variable's value beside its type; yields a path and the end of a sentence for each error."""

    def __init__(self, suggestions: bool) -> None:
        self._suggestions = suggestions

    def of_variable(
        self, schema: GraphQLSchema, definition: VariableDefinitionNode, values: Mapping[str, Any]
    ) -> Iterator[tuple[Path, str]]:
        name: str = definition.variable.name.value
        kind = type_from_ast(schema, definition.type)
        if name in values:
            yield from self._of_value(kind, values[name], (name,))
        elif isinstance(kind, GraphQLNonNull) and definition.default_value is None:
            yield (name,), f"is required: it is of type {kind}."

    def _of_value(self, kind: Any, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
        if isinstance(kind, GraphQLNonNull):
            if value is None:
                yield path, f"must not be null: it is of type {kind}."
            kind = kind.of_type
        if value is None:
            return
        if isinstance(kind, GraphQLList):
            # A single value stands for a list of one.
            items = enumerate(value) if isinstance(value, list) else [(None, value)]
            for index, item in items:
                yield from self._of_value(kind.of_type, item, path if index is None else (*path, index))
        elif isinstance(kind, GraphQLInputObjectType):
            yield from self._of_object(kind, value, path)
        elif message := self._of_leaf(kind, value):
            yield path, message

    def _of_leaf(self, kind: Any, value: Any) -> str | None:
        if isinstance(kind, GraphQLScalarType):
            return _scalar_error(kind, value)
        if isinstance(value, str) and value in kind.values:
            return None
        valid = f" It can be {_either(list(kind.values))}." if self._suggestions else ""
        return f"is not a value of {kind.name}: {_json(value)}.{valid}"

    def _of_object(self, kind: GraphQLInputObjectType, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
        if not isinstance(value, Mapping):
            yield path, f"must be an object of type {kind.name}, not {_json_type(value)}."
            return
        for name, field in kind.fields.items():
            if name in value:
                yield from self._of_value(field.type, value[name], (*path, name))
            elif is_required_input_field(field):
                yield (*path, name), f"is required: it is of type {field.type}."
        for name in value:
            if name not in kind.fields:
                yield (*path, name), self._no_field(kind, name)
        if kind.extensions[DEFINITION].is_one_of and (len(value) != 1 or None in value.values()):
            fields = ", ".join(kind.fields)
            yield path, f"must have exactly one of {fields}, and it must not be null."

    def _no_field(self, kind: GraphQLInputObjectType, name: str) -> str:
        similar = suggestion_list(name[:MAX_SHOWN], list(kind.fields)) if self._suggestions else []
        return f"is not a field of {kind.name}." + (f" Did you mean {_either(similar)}?" if similar else "")


def _scalar_error(kind: GraphQLScalarType, value: Any) -> str | None:
    try:
        kind.coerce_input_value(value)
    except GraphQLError as error:
        if kind.name not in EXPECTED:
            return f"is not a {kind.name}: {error.message}"
        return f"must be {EXPECTED[kind.name]}, not {_json(value)}."
    return None


def _shown(path: Path) -> str:
    """As it is written in code: `$input.lines[0].sku`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in map(_short, path))
    return f"${''.join(steps).removeprefix('.')}"


def _short(step: str | int) -> str | int:
    """Names that are longer are none of the schema's."""
    return step[:MAX_SHOWN] if isinstance(step, str) else step


def _json_type(value: Any) -> str:
    return JSON_TYPES.get(type(value), "a value")


def _json(value: Any) -> str:
    """A short value as JSON, a long one by its type."""
    if (isinstance(value, str) and len(value) > MAX_SHOWN) or isinstance(value, list | dict):
        return _json_type(value)
    return orjson.dumps(value).decode()


def _either(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
