"""Checks, before a mutation document runs, everything that depends on its variables alone.

If a payload's arguments turned out to be wrong after the change was stored, its answer could only be null, as
if nothing had been written.
"""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from graphql import (
    DirectiveNode,
    FragmentDefinitionNode,
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
from graph.execution.plan import BoundPlan, PlannedField, Selection
from graph.types.fields import Batched

ARGUMENT_ERRORS: tuple[type[Exception], ...] = (BadUserInput, AsOfUnavailable, *CLIENT_ERRORS)
Fragments = Mapping[str, FragmentDefinitionNode]
DIRECTIVES = {directive.name: directive for directive in specified_directives}
# Plans read the key and the count of a parent's row; here only what they make of the arguments counts.
ANY_PARENT = SimpleNamespace(id=0, orders_count=0, parent=None, spec=None)


def check_arguments(bound: BoundPlan, fragments: Fragments, context: Context) -> None:
    """Check directives, arguments, cursors and read timestamps at every depth. Raises RequestError."""
    check = ArgumentCheck(bound, fragments, context)
    check.directives(bound.plan.operation.selection_set)
    check.selection(bound.plan.roots)
    if check.errors:
        raise RequestError(*check.errors[:MAX_REQUEST_ERRORS])


class ArgumentCheck:
    """The errors of one operation; each selection is visited once, however often fragments repeat it."""

    def __init__(self, bound: BoundPlan, fragments: Fragments, context: Context) -> None:
        self._bound, self._fragments, self._context = bound, fragments, context
        self._seen: set[Selection] = set()
        self.errors: list[GraphQLError] = []

    def directives(self, selections: SelectionSetNode) -> None:
        """Arguments of @skip and @include: a nullable variable may be null at run time."""
        for directive in self._directives(selections):
            if definition := DIRECTIVES.get(directive.name.value):
                try:
                    get_argument_values(definition, directive, self._bound.variables)
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
                    waiting.append(self._fragments[node.name.value].selection_set)

    def selection(self, selection: Selection) -> None:
        if selection not in self._seen:
            self._seen.add(selection)
            for field in selection.fields:
                self._field(field)
                for each in field.below:
                    self.selection(each)

    def _field(self, field: PlannedField) -> None:
        if field.definition.field is None or not field.definition.field.args:
            return
        try:
            arguments = self._bound.arguments(field).converted()
            if isinstance(field.declared, Batched):
                self._plan(field.declared, arguments)
        except GraphQLError as error:
            self.errors.append(with_code(error, BAD_USER_INPUT))
        except ARGUMENT_ERRORS as mistake:
            self.errors += mask_errors([GraphQLError(str(mistake), field.nodes, original_error=mistake)])

    def _plan(self, batched: Batched, arguments: dict[str, Any]) -> None:
        if callable(batched.cost):
            batched.cost(arguments)
        timestamp = batched.plan(ANY_PARENT, arguments).timestamp
        if timestamp and timestamp.pinned:
            self._context.reader.require_stale_reads()
