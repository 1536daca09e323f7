"""What a document must satisfy: the specification's rules, Strawberry's, and ours."""

from typing import Any

from graphql import (
    ASTValidationRule,
    FieldNode,
    GraphQLError,
    ListValueNode,
    NoSchemaIntrospectionCustomRule,
    StringValueNode,
    ValidationRule,
    specified_rules,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graph.limits.bounds import Bounds

LONGEST_ALIAS = 250


class StorableText(ValidationRule):
    """No NUL in a literal: no text column of either database keeps it the same."""

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        if "\0" in node.value:
            self.report_error(GraphQLError("Text must not contain the NUL character.", node))


class NoServiceSdl(ValidationRule):
    """No `_service` where introspection is off: its SDL says the same."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if node.name.value == "_service" and self.context.get_parent_type() is self.context.schema.query_type:
            message = "GraphQL introspection has been disabled, but the requested query contained '_service'."
            self.report_error(GraphQLError(message, node))


class ShortAliases(ValidationRule):
    """No long alias: the response has it in every object and in every error's path."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if node.alias and len(node.alias.value) > LONGEST_ALIAS:
            self.report_error(GraphQLError(f"An alias has at most {LONGEST_ALIAS} characters.", node))


def short_lists(most: int) -> type[ValidationRule]:
    """No list of more than `most` literals."""

    class ShortLists(ValidationRule):
        def enter_list_value(self, node: ListValueNode, *_: Any) -> None:
            if len(node.values) > most:
                self.report_error(GraphQLError(f"A list has at most {most} items.", node))

    return ShortLists


def rules(bounds: Bounds, *, introspection: bool) -> tuple[type[ASTValidationRule], ...]:
    """Made once: a rule is a class."""
    hidden = () if introspection else (NoSchemaIntrospectionCustomRule, NoServiceSdl)
    return (*RULES, short_lists(bounds.list_limit), *hidden)


RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule, StorableText, ShortAliases)
