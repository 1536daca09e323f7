"""ID-only rows: the result of a relation if only its ID is selected, so that nothing is read."""

from typing import NamedTuple


class IdOnlyRow(NamedTuple):
    """Stands for a row. Its class has the row class's name, which determines type and global ID."""

    id: int


def id_only_row(kind: str) -> type[IdOnlyRow]:
    """The class that stands for rows of `kind`."""
    return type(kind, (IdOnlyRow,), {"__slots__": ()})
