"""What a document must satisfy: the specification's rules, Strawberry's, and ours."""

import re
from typing import Any

from graphql import (
    ASTValidationRule,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    ListValueNode,
    NoSchemaIntrospectionCustomRule,
    StringValueNode,
    ValidationRule,
    get_named_type,
    specified_rules,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graph.limits.limit_settings import LimitSettings

MAX_ALIAS_LENGTH = 250


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
        if node.alias and len(node.alias.value) > MAX_ALIAS_LENGTH:
            self.report_error(
                GraphQLError(f"An alias must have at most {MAX_ALIAS_LENGTH} characters.", node)
            )


def short_lists(most: int) -> type[ValidationRule]:
    """No list of more than `most` literals."""

    class ShortLists(ValidationRule):
        def enter_list_value(self, node: ListValueNode, *_: Any) -> None:
            if len(node.values) > most:
                self.report_error(GraphQLError(f"A list must have at most {most} items.", node))

    return ShortLists


def with_hint(schema: GraphQLSchema, error: GraphQLError) -> GraphQLError:
    """The error, with what to write instead where that is easy to say; it reveals the schema."""
    hint = _hint(schema, error.nodes[0] if error.nodes else None, error.message)
    return GraphQLError(f"{error.message} {hint}", error.nodes, original_error=error) if hint else error


def _hint(schema: GraphQLSchema, node: Any, message: str) -> str | None:
    if found := UNKNOWN_FIELD.match(message):
        name, kind = found.groups()
        nodes = getattr(schema.get_type(kind), "fields", {}).get("nodes")
        fields = getattr(get_named_type(nodes.type), "fields", {}) if nodes else {}
        return f"Did you mean `nodes {{ {name} }}`?" if name in fields else None
    if found := UNKNOWN_ARGUMENT.match(message):
        name, kind, field = found.groups()
        by = getattr(schema.get_type(kind), "fields", {})[field].args.get("by")
        keys = getattr(get_named_type(by.type), "fields", {}) if by else {}
        return f"Use `by: {{{name}: …}}`." if name in keys else None
    if found := UNKNOWN_ENUM_VALUE.match(message):
        values: Any = schema.get_type(found.group(1))
        return f"It can be {', '.join(values.values)}."
    return None


def rules(limits: LimitSettings, *, introspection: bool) -> tuple[type[ASTValidationRule], ...]:
    """Made once: a rule is a class."""
    hidden = () if introspection else (NoSchemaIntrospectionCustomRule, NoServiceSdl)
    return (*RULES, short_lists(limits.list_limit), *hidden)


UNKNOWN_FIELD = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'\.$")
UNKNOWN_ARGUMENT = re.compile(r"Unknown argument '(\w+)' on field '(\w+)\.(\w+)'\.$")
UNKNOWN_ENUM_VALUE = re.compile(r"Value '\w+' does not exist in '(\w+)' enum\.")
RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule, StorableText, ShortAliases)
