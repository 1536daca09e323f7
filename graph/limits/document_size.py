"""How large a document's operations are, told before they are validated, their fragments expanded."""

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

from graph.limits.limit_settings import Bounds

# Validation compares each pair of fields that share a name in the answer; one takes about 13 us.
MOST_PAIRS, MOST_STEPS = 10_000, 50_000
# Fragments that double each other grow past what can be added up quickly.
LARGEST = 1_000_000_000

Selections = Sequence[SelectionSetNode]


class Size(NamedTuple):
    """What was counted of one part of a document."""

    fields: int = 0
    aliases: int = 0
    directives: int = 0
    levels: int = 0

    def beside(self, other: "Size") -> "Size":
        return Size(
            min(self.fields + other.fields, LARGEST),
            min(self.aliases + other.aliases, LARGEST),
            min(self.directives + other.directives, LARGEST),
            max(self.levels, other.levels),
        )


class Sizes:
    """The sizes of one document's parts; each fragment is looked into once, and counted at each spread.

    Raises RecursionError for what is nested deeper than Python's stack.
    """

    def __init__(self, document: DocumentNode) -> None:
        self._definitions = [
            node for node in document.definitions if isinstance(node, ExecutableDefinitionNode)
        ]
        self._fragments = {
            node.name.value: node for node in self._definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[str, Size | None] = {}
        # Whether a fragment spreads itself: then no size is one.
        self.is_circular = False

    def excess(self, bounds: Bounds) -> str | None:
        """What is too much of an operation or of a fragment, as a sentence; None where all is well."""
        most = (bounds.field_limit, bounds.alias_limit, bounds.directive_limit, bounds.depth_limit)
        for definition in self._definitions:
            for what, count, limit in zip(Size._fields, self._of_definition(definition), most, strict=True):
                if count > limit:
                    return f"The operation has {count} {what}, fragments expanded, and {limit} are the limit."
        if not self.is_circular and self._repeats():
            return "The document repeats fields and fragments too often."
        return None

    def _of_definition(self, node: ExecutableDefinitionNode) -> Size:
        variables = (each.directives or () for each in node.variable_definitions or ())
        directives = len(node.directives or ()) + sum(map(len, variables))
        return Size(directives=directives).beside(self._of_selections(node.selection_set))

    def _of_selections(self, node: SelectionSetNode | None) -> Size:
        size = Size()
        for each in node.selections if node else ():
            size = size.beside(self._of(each))
        return size

    def _of(self, node: SelectionNode) -> Size:
        own = Size(directives=len(node.directives or ()))
        if isinstance(node, FragmentSpreadNode):
            return own.beside(self._of_fragment(node.name.value))
        selections: Any = node
        below = self._of_selections(selections.selection_set)
        if isinstance(node, FieldNode):
            field = Size(1, 1 if node.alias else 0)
            below = field.beside(below)._replace(levels=below.levels + 1)
        return own.beside(below)

    def _of_fragment(self, name: str) -> Size:
        if name in self._known:
            known = self._known[name]
            self.is_circular |= known is None
            return known or Size()
        self._known[name] = None
        fragment = self._fragments.get(name)
        size = self._of_definition(fragment) if fragment else Size()
        self._known[name] = size
        return size

    def _repeats(self) -> bool:
        """Whether the rule that compares fields of one name would take too long."""
        waiting: list[Selections] = [[node.selection_set] for node in self._definitions]
        pairs = steps = 0
        while waiting:
            groups, spreads = self._merged(waiting.pop())
            counts = [len(nodes) for nodes in groups] + [spreads]
            steps += sum(counts)
            pairs += sum(count * (count - 1) // 2 for count in counts)
            if pairs > MOST_PAIRS or steps > MOST_STEPS:
                return True
            below = ([node.selection_set for node in nodes if node.selection_set] for nodes in groups)
            waiting += [selections for selections in below if selections]
        return False

    def _merged(self, selections: Selections) -> tuple[Iterable[list[FieldNode]], int]:
        """The fields of these selections by their name in the answer, and how many fragments are spread."""
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
