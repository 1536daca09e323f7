"""Counts the values of a request: its variables, and its document's arguments with fragments expanded."""

import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

from graph.errors import BAD_USER_INPUT, RequestError, coded_error

# The key of literals among the names of variables.
LITERAL = ""
# An object counts as so many values: coercion checks each field that it could have.
VALUES_PER_OBJECT = 10


class ValueCounts(NamedTuple):
    """How often arguments use each variable, the maximum over all operations, and the size of its default."""

    uses: Mapping[str, int] = {}
    defaults: Mapping[str, int] = {}

    def count(self, sent: Mapping[str, int]) -> int:
        """The number of values when each variable has the size in `sent`."""
        sizes = {**self.defaults, **sent, LITERAL: 1}
        return sum([count * sizes[name] for name, count in self.uses.items()])


def count_values(document: DocumentNode) -> ValueCounts:
    """The counts of a valid document: no fragment of it spreads itself."""
    nodes = document.definitions
    uses = VariableUses({node.name.value: node for node in nodes if isinstance(node, FragmentDefinitionNode)})
    most: Counter[str] = Counter()
    defaults: Counter[str] = Counter()
    for operation in (node for node in nodes if isinstance(node, OperationDefinitionNode)):
        most |= uses.of(operation.selection_set)
        for variable in operation.variable_definitions or ():
            size = uses_in_value(variable.default_value).total() if variable.default_value else 1
            defaults |= Counter({variable.variable.name.value: size})
    return ValueCounts(most, defaults)


NO_VALUES = ValueCounts()


class VariableUses:
    """Counts the arguments of selections; each fragment is visited once, and counted at each spread."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, Counter[str]] = {}

    def of(self, selections: SelectionSetNode | None) -> Counter[str]:
        found: Counter[str] = Counter()
        for node in selections.selections if selections else ():
            if isinstance(node, FragmentSpreadNode):
                found += self._of_fragment(node.name.value)
                continue
            if isinstance(node, FieldNode):
                for argument in node.arguments or ():
                    found += uses_in_value(argument.value)
            below: Any = node
            found += self.of(below.selection_set)
        return found

    def _of_fragment(self, name: str) -> Counter[str]:
        if name not in self._known:
            self._known[name] = self.of(self._fragments[name].selection_set)
        return self._known[name]


def uses_in_value(value: Any) -> Counter[str]:
    """How often a value uses each variable; everything else counts under LITERAL."""
    found: Counter[str] = Counter()
    waiting = [value]
    while waiting:
        node = waiting.pop()
        found[node.name.value if isinstance(node, VariableNode) else LITERAL] += 1
        if isinstance(node, ListValueNode):
            waiting += node.values
        elif isinstance(node, ObjectValueNode):
            found[LITERAL] += VALUES_PER_OBJECT - 1
            waiting += [each.value for each in node.fields]
    return found


def count_json(waiting: list[Any], list_limit: int = sys.maxsize) -> int:
    """The number of values in these, nested ones included.

    Raises RequestError for a list longer than `list_limit`, and for text with NUL, which no column stores.
    """
    # Not by recursion: JSON may be nested deeper than Python's stack.
    count = 1
    while waiting:
        match waiting.pop():
            case str(text) if "\0" in text:
                raise RequestError(coded_error("Text must not contain the NUL character.", BAD_USER_INPUT))
            case dict(mapping):
                count += VALUES_PER_OBJECT - 1 + len(mapping)
                waiting += [*mapping, *mapping.values()]
            case list(items) if len(items) > list_limit:
                raise RequestError(
                    coded_error(f"A list must have at most {list_limit} items.", BAD_USER_INPUT)
                )
            case list(items):
                count += len(items)
                waiting += items
    return count
