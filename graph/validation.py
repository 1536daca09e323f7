"""What a document must satisfy: the specification's rules, Strawberry's, and ours."""

from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    ValidationContext,
    ValidationRule,
    specified_rules,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

# With a list at every level the answer is twice as deep, and orjson writes 254 levels.
MOST_LEVELS = 100


class StorableText(ValidationRule):
    """No NUL in a literal: no text column of either database keeps it the same."""

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        if "\0" in node.value:
            self.report_error(GraphQLError("Text must not contain the NUL character.", node))


class Levels(ValidationRule):
    """Fields are nested only so deeply, fragments included, that the answer can be written."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._of_fragments: dict[str, int] = {}

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        if self._of(node.selection_set) > MOST_LEVELS:
            self.report_error(GraphQLError(f"Fields are nested in at most {MOST_LEVELS} levels.", node))

    def _of(self, selections: SelectionSetNode | None) -> int:
        if selections is None:
            return 0
        return max(map(self._of_selection, selections.selections))

    def _of_selection(self, node: Any) -> int:
        match node:
            case FieldNode():
                return 1 + self._of(node.selection_set)
            case InlineFragmentNode():
                return self._of(node.selection_set)
            case FragmentSpreadNode():
                return self._of_fragment(node.name.value)
        return 0

    def _of_fragment(self, name: str) -> int:
        if name not in self._of_fragments:
            # For one that spreads itself, which another rule reports.
            self._of_fragments[name] = 0
            fragment = self.context.get_fragment(name)
            self._of_fragments[name] = self._of(fragment.selection_set) if fragment else 0
        return self._of_fragments[name]


RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule, StorableText, Levels)
