"""Which columns an operation reads of the rows of its connections, told from what it selects."""

from collections import defaultdict
from collections.abc import Sequence

from graph.execution.executor import RowExecutor
from graph.execution.field_tree import Fields, Selected
from graph.types.fields import DEFINITION, Batched, Column, Computed


class Columns:
    """The columns of one operation, for each connection that the schema declares.

    Wherever the operation has such a connection, and whatever the arguments, the columns are the same: those
    of all its places together. So what shares a batch goes on doing so.
    """

    def __init__(self, execution: RowExecutor) -> None:
        self._outline = execution.outline
        self._found: dict[Batched, set[str]] = defaultdict(set)
        self._seen: set[tuple[Fields, Batched | None]] = set()

    def of(self, connection: Batched) -> frozenset[str]:
        """The columns that are read of the connection's rows."""
        if not self._seen:
            self._collect(self._outline, None)
        return frozenset(self._found[connection])

    def _collect(self, possible: Sequence[Fields], connection: Batched | None) -> None:
        """What is selected of objects that lie in a page of `connection`, if they lie in any."""
        for fields in possible:
            if (fields, connection) not in self._seen:
                self._seen.add((fields, connection))
                for each in fields:
                    self._collect_field(each, connection)

    def _collect_field(self, selected: Selected, page_of: Batched | None) -> None:
        below = page_of
        if page_of and page_of.rows == selected.of.name:
            self._found[page_of].update(read_by(selected))
            # What a row's own column holds is no row.
            below = None
        if isinstance(selected.declared, Batched):
            below = selected.declared if selected.declared.rows else None
        self._collect(selected.below, below)


def read_by(selected: Selected) -> tuple[str, ...]:
    """The columns of a row that a field of its type reads."""
    match selected.declared:
        case Column():
            return (selected.field.extensions[DEFINITION].python_name,)
        case Computed(columns=columns) | Batched(columns=columns):
            return columns
        case _:
            return ()
