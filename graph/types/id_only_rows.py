"""Rows of which only the id is known: what a relation gives when nothing else of it is asked for."""

from typing import NamedTuple


class Identity(NamedTuple):
    """In the place of a row; its class has the row's class name, by which types and ids are told."""

    id: int


def identity(kind: str) -> type[Identity]:
    """The stand-in for rows of `kind`."""
    return type(kind, (Identity,), {"__slots__": ()})
