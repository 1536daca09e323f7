"""The schema as a client finds it, for tests of what was published."""

from graphql import build_schema, is_specified_scalar_type

from graph.schema import sdl

SCHEMA = build_schema(sdl())
TYPES = {
    name: each
    for name, each in SCHEMA.type_map.items()
    if not name.startswith("__") and not is_specified_scalar_type(each)
}


def fields_of(name: str) -> dict[str, str]:
    return {field: str(definition.type) for field, definition in SCHEMA.type_map[name].fields.items()}  # type: ignore[attr-defined]


def arguments_of(name: str, field: str) -> dict[str, str]:
    arguments = SCHEMA.type_map[name].fields[field].args  # type: ignore[attr-defined]
    return {argument: str(definition.type) for argument, definition in arguments.items()}
