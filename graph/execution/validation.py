"""What a document must satisfy: the specification's rules, Strawberry's, and ours."""

from typing import Any

from graphql import (
    ASTValidationRule,
    GraphQLError,
    ListValueNode,
    StringValueNode,
    ValidationRule,
    specified_rules,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graph.limits.bounds import Bounds


class StorableText(ValidationRule):
    """No NUL in a literal: no text column of either database keeps it the same."""

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        if "\0" in node.value:
            self.report_error(GraphQLError("Text must not contain the NUL character.", node))


def short_lists(most: int) -> type[ValidationRule]:
    """No list of more than `most` literals."""

    class ShortLists(ValidationRule):
        def enter_list_value(self, node: ListValueNode, *_: Any) -> None:
            if len(node.values) > most:
                self.report_error(GraphQLError(f"A list has at most {most} items.", node))

    return ShortLists


def rules(bounds: Bounds) -> tuple[type[ASTValidationRule], ...]:
    """Made once: a rule is a class."""
    return (*RULES, short_lists(bounds.list_limit))


RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule, StorableText)
