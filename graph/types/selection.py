"""Which fields a selection asks for, its fragments expanded, @skip and @include honoured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionNode,
    VariableNode,
    is_abstract_type,
)

Fields = dict[str, list[FieldNode]]


@dataclass(frozen=True, slots=True)
class Selections:
    """The selections of one operation of a valid document, with its coerced variables."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def below(self, nodes: Sequence[FieldNode | OperationDefinitionNode], kind: GraphQLObjectType) -> Fields:
        """By its name in the answer, each field selected below `nodes`, where they give a `kind`."""
        found: Fields = {}
        seen: set[str] = set()
        for node in nodes:
            if node.selection_set:
                self._collect(node.selection_set.selections, kind, found, seen)
        return found

    def _collect(
        self, nodes: Iterable[SelectionNode], kind: GraphQLObjectType, found: Fields, seen: set[str]
    ) -> None:
        for node in nodes:
            if node.directives and not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if self._fits(node.type_condition, kind):
                    self._collect(node.selection_set.selections, kind, found, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self.fragments[node.name.value]
                if self._fits(fragment.type_condition, kind):
                    self._collect(fragment.selection_set.selections, kind, found, seen)

    def _is_included(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            if directive.name.value in {"skip", "include"} and directive.arguments:
                value: Any = directive.arguments[0].value
                name = value.name.value if isinstance(value, VariableNode) else None
                flag = value.value if name is None else self.variables.get(name)
                if flag == (directive.name.value == "skip"):
                    return False
        return True

    def _fits(self, condition: NamedTypeNode | None, kind: GraphQLObjectType) -> bool:
        if condition is None or condition.name.value == kind.name:
            return True
        wanted = self.schema.get_type(condition.name.value)
        return is_abstract_type(wanted) and self.schema.is_sub_type(wanted, kind)
