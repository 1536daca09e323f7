"""Sizes of a document's operations before validation, with their fragments expanded."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    SelectionNode,
    SelectionSetNode,
)

from graph.limits.limit_settings import LimitSettings

# Validation compares each pair of fields that share a response key; one takes about 13 us.
MAX_PAIRS, MAX_STEPS = 10_000, 50_000
# Fragments that double each other make huge numbers, which are slow to add.
LARGEST = 1_000_000_000

Selections = Sequence[SelectionSetNode]


class SelectionSize(NamedTuple):
    """The size of one part of a document."""

    fields: int = 0
    aliases: int = 0
    directives: int = 0
    levels: int = 0

    def plus(self, other: "SelectionSize") -> "SelectionSize":
        return SelectionSize(
            min(self.fields + other.fields, LARGEST),
            min(self.aliases + other.aliases, LARGEST),
            min(self.directives + other.directives, LARGEST),
            max(self.levels, other.levels),
        )


class DocumentSize:
    """The sizes of one document's parts; each fragment is visited once, and counted at each spread.

    Raises RecursionError for a document nested deeper than Python's stack.
    """

    def __init__(self, document: DocumentNode) -> None:
        self._definitions = [
            node for node in document.definitions if isinstance(node, ExecutableDefinitionNode)
        ]
        self._fragments = {
            node.name.value: node for node in self._definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[str, SelectionSize | None] = {}
        # Whether a fragment spreads itself: then its size is undefined.
        self.is_circular = False

    def excess(self, limits: LimitSettings) -> str | None:
        """A sentence about the first exceeded limit of an operation or fragment; None within the limits."""
        maxima = (limits.field_limit, limits.alias_limit, limits.directive_limit, limits.depth_limit)
        for definition in self._definitions:
            for what, count, limit in zip(
                SelectionSize._fields, self._of_definition(definition), maxima, strict=True
            ):
                if count > limit:
                    return f"The operation has {count} {what}, with fragments expanded; the limit is {limit}."
        if not self.is_circular and self._repeats():
            return "The document repeats fields or fragments too often. Remove the repetitions."
        return None

    def _of_definition(self, node: ExecutableDefinitionNode) -> SelectionSize:
        variables = (each.directives or () for each in node.variable_definitions or ())
        directives = len(node.directives or ()) + sum(map(len, variables))
        return SelectionSize(directives=directives).plus(self._of_selections(node.selection_set))

    def _of_selections(self, node: SelectionSetNode | None) -> SelectionSize:
        size = SelectionSize()
        for each in node.selections if node else ():
            size = size.plus(self._of(each))
        return size

    def _of(self, node: SelectionNode) -> SelectionSize:
        own = SelectionSize(directives=len(node.directives or ()))
        if isinstance(node, FragmentSpreadNode):
            return own.plus(self._of_fragment(node.name.value))
        selections: Any = node
        below = self._of_selections(selections.selection_set)
        if isinstance(node, FieldNode):
            field = SelectionSize(1, 1 if node.alias else 0)
            below = field.plus(below)._replace(levels=below.levels + 1)
        return own.plus(below)

    def _of_fragment(self, name: str) -> SelectionSize:
        if name in self._known:
            known = self._known[name]
            self.is_circular |= known is None
            return known or SelectionSize()
        self._known[name] = None
        fragment = self._fragments.get(name)
        size = self._of_definition(fragment) if fragment else SelectionSize()
        self._known[name] = size
        return size

    def _repeats(self) -> bool:
        """Whether the rule OverlappingFieldsCanBeMerged would take too long."""
        waiting: list[Selections] = [[node.selection_set] for node in self._definitions]
        pairs = steps = 0
        while waiting:
            groups, spreads = self._merged(waiting.pop())
            counts = [len(nodes) for nodes in groups] + [spreads]
            steps += sum(counts)
            pairs += sum(count * (count - 1) // 2 for count in counts)
            if pairs > MAX_PAIRS or steps > MAX_STEPS:
                return True
            below = ([node.selection_set for node in nodes if node.selection_set] for nodes in groups)
            waiting += [selections for selections in below if selections]
        return False

    def _merged(self, selections: Selections) -> tuple[Iterable[list[FieldNode]], int]:
        """The fields of these selections by response key, and the number of fragments spread."""
        found: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        waiting: list[Any] = list(selections)
        while waiting:
            for node in waiting.pop().selections:
                if isinstance(node, FieldNode):
                    found.setdefault((node.alias or node.name).value, []).append(node)
                elif not isinstance(node, FragmentSpreadNode):
                    waiting.append(node.selection_set)
                elif node.name.value not in seen:
                    seen.add(node.name.value)
                    if fragment := self._fragments.get(node.name.value):
                        waiting.append(fragment.selection_set)
        return found.values(), len(seen)
