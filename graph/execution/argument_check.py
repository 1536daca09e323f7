"""Checks, before a mutation document runs, everything that depends on its variables alone.

If a payload's arguments turned out to be wrong after the change was stored, its answer could only be null, as
if nothing had been written.
"""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import strawberry
from graphql import (
    DirectiveNode,
    FragmentSpreadNode,
    GraphQLError,
    SelectionSetNode,
    get_argument_values,
    specified_directives,
)

from db.errors import AsOfUnavailable
from graph.context import Context
from graph.errors import (
    BAD_USER_INPUT,
    CLIENT_ERRORS,
    MAX_REQUEST_ERRORS,
    BadUserInput,
    RequestError,
    mask_errors,
    with_code,
)
from graph.execution.executor import RowExecutor
from graph.execution.field_tree import Fields, Selected
from graph.types.arguments import convert_arguments
from graph.types.fields import DEFINITION, Batched

ARGUMENT_ERRORS: tuple[type[Exception], ...] = (BadUserInput, AsOfUnavailable, *CLIENT_ERRORS)
DIRECTIVES = {directive.name: directive for directive in specified_directives}
# Plans read the key of a parent's row; here only what they make of the arguments counts.
ANY_PARENT = SimpleNamespace(id=0, parent=None, scope=None)


def check_arguments(schema: strawberry.Schema, executor: RowExecutor, context: Context) -> None:
    """Check directives, arguments, cursors and read timestamps at every depth. Raises RequestError."""
    check = ArgumentCheck(schema, executor, context)
    check.directives(executor.operation.selection_set)
    check.fields(executor.outline)
    if check.errors:
        raise RequestError(*check.errors[:MAX_REQUEST_ERRORS])


class ArgumentCheck:
    """The errors of one operation; each part of it is visited once, however often fragments repeat it."""

    def __init__(self, schema: strawberry.Schema, executor: RowExecutor, context: Context) -> None:
        self._schema, self._executor, self._context = schema, executor, context
        self._seen: set[Fields] = set()
        self.errors: list[GraphQLError] = []

    def directives(self, selections: SelectionSetNode) -> None:
        """Arguments of @skip and @include: a nullable variable may be null at run time."""
        for directive in self._directives(selections):
            if definition := DIRECTIVES.get(directive.name.value):
                try:
                    get_argument_values(definition, directive, self._executor.variable_values)
                except GraphQLError as error:
                    self.errors.append(with_code(error, BAD_USER_INPUT))

    def _directives(self, selections: SelectionSetNode) -> Iterator[DirectiveNode]:
        waiting: list[Any] = [selections]
        spread: set[str] = set()
        while waiting:
            for node in waiting.pop().selections:
                yield from node.directives or ()
                if not isinstance(node, FragmentSpreadNode):
                    waiting += [node.selection_set] if node.selection_set else []
                elif node.name.value not in spread:
                    spread.add(node.name.value)
                    waiting.append(self._executor.fragment_definitions[node.name.value].selection_set)

    def fields(self, possible: Sequence[Fields]) -> None:
        for fields in possible:
            if fields not in self._seen:
                self._seen.add(fields)
                for selected in fields:
                    self._field(selected)
                    self.fields(selected.below)

    def _field(self, selected: Selected) -> None:
        if selected.field is None or not selected.field.args:
            return
        try:
            arguments = self._arguments(selected)
            if isinstance(selected.declared, Batched):
                self._plan(selected.declared, arguments)
        except GraphQLError as error:
            self.errors.append(with_code(error, BAD_USER_INPUT))
        except ARGUMENT_ERRORS as mistake:
            self.errors += mask_errors([GraphQLError(str(mistake), selected.nodes, original_error=mistake)])

    def _arguments(self, selected: Selected) -> dict[str, Any]:
        return convert_arguments(
            selected.arguments(), selected.field.extensions[DEFINITION].arguments, self._schema
        )

    def _plan(self, batched: Batched, arguments: dict[str, Any]) -> None:
        if callable(batched.cost):
            batched.cost(arguments)
        timestamp = batched.plan(ANY_PARENT, arguments).timestamp
        if timestamp and timestamp.pinned:
            self._context.reader.require_stale_reads()
