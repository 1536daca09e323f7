"""Rows of which only the id is known: what a relation gives when nothing else of it is asked for."""

from typing import Any, NamedTuple

from graph.types.selection import Selections

KNOWN = {"id", "__typename"}


class Identity(NamedTuple):
    """In the place of a row; its class has the row's class name, by which types and ids are told."""

    id: int


def identity(kind: str) -> type[Identity]:
    """The stand-in for rows of `kind`."""
    return type(kind, (Identity,), {"__slots__": ()})


def is_enough(info: Any, known: dict[tuple[int, ...], bool]) -> bool:
    """Whether nothing but `id` and `__typename` is selected; `known` keeps the answers of one request."""
    nodes = info._raw_info.field_nodes
    key = tuple(map(id, nodes))
    if key not in known:
        raw = info._raw_info
        selections = Selections(raw.schema, raw.fragments, raw.variable_values)
        groups = selections.below(nodes, getattr(raw.return_type, "of_type", raw.return_type)).values()
        known[key] = all(group[0].name.value in KNOWN for group in groups)
    return known[key]
