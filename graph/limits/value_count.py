"""How many values a request holds: its variables, and its document's arguments with fragments expanded."""

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

from graph.errors import BAD_USER_INPUT, Rejected, coded

# A literal's key among the names of variables.
LITERAL = ""
# An object counts as so many values: each field that it could have is looked at.
OBJECT = 10


class Values(NamedTuple):
    """How often arguments use each variable, the most of any operation, and what each holds by default."""

    uses: Mapping[str, int] = {}
    defaults: Mapping[str, int] = {}

    def count(self, sent: Mapping[str, int]) -> int:
        """How many there are when each variable holds as many as `sent` says."""
        sizes = {**self.defaults, **sent, LITERAL: 1}
        return sum([count * sizes[name] for name, count in self.uses.items()])


def values(document: DocumentNode) -> Values:
    """Of a document that is valid: no fragment of it spreads itself."""
    nodes = document.definitions
    uses = Uses({node.name.value: node for node in nodes if isinstance(node, FragmentDefinitionNode)})
    most: Counter[str] = Counter()
    defaults: Counter[str] = Counter()
    for operation in (node for node in nodes if isinstance(node, OperationDefinitionNode)):
        most |= uses.of(operation.selection_set)
        for variable in operation.variable_definitions or ():
            held = of_value(variable.default_value).total() if variable.default_value else 1
            defaults |= Counter({variable.variable.name.value: held})
    return Values(most, defaults)


NONE = Values()


class Uses:
    """What selections' arguments hold; each fragment is looked into once, and counted at each spread."""

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
                    found += of_value(argument.value)
            below: Any = node
            found += self.of(below.selection_set)
        return found

    def _of_fragment(self, name: str) -> Counter[str]:
        if name not in self._known:
            self._known[name] = self.of(self._fragments[name].selection_set)
        return self._known[name]


def of_value(value: Any) -> Counter[str]:
    """The variables in an argument's value, and under LITERAL all else of it."""
    found: Counter[str] = Counter()
    waiting = [value]
    while waiting:
        node = waiting.pop()
        found[node.name.value if isinstance(node, VariableNode) else LITERAL] += 1
        if isinstance(node, ListValueNode):
            waiting += node.values
        elif isinstance(node, ObjectValueNode):
            found[LITERAL] += OBJECT - 1
            waiting += [each.value for each in node.fields]
    return found


def size(waiting: list[Any], most: int = sys.maxsize) -> int:
    """How many values these are, below a name and with all that is in them.

    No list may have more than `most`, and no text a NUL: no text column of either database keeps it the same.
    """
    # Not by recursion: JSON may be nested deeper than Python's stack.
    count = 1
    while waiting:
        match waiting.pop():
            case str(text) if "\0" in text:
                raise Rejected(coded("Text must not contain the NUL character.", BAD_USER_INPUT))
            case dict(mapping):
                count += OBJECT - 1 + len(mapping)
                waiting += [*mapping, *mapping.values()]
            case list(items) if len(items) > most:
                raise Rejected(coded(f"A list has at most {most} items.", BAD_USER_INPUT))
            case list(items):
                count += len(items)
                waiting += items
    return count
