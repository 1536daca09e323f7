"""Parsed and validated documents, kept so that a query is parsed and validated once."""

from dataclasses import dataclass
from functools import lru_cache

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    parse,
    validate,
)

from graph.errors import (
    BAD_REQUEST,
    GRAPHQL_PARSE_FAILED,
    GRAPHQL_VALIDATION_FAILED,
    Rejected,
    coded,
    with_code,
)
from graph.validation import RULES

MOST_DOCUMENTS, LONGEST_KEPT = 1_000, 20_000
MOST_TOKENS = 10_000
MOST_ERRORS = 10
NOTHING = DocumentNode(definitions=())


@dataclass(frozen=True, slots=True)
class Document:
    """A document's text made ready, or the errors that stand in its way."""

    node: DocumentNode
    errors: tuple[GraphQLError, ...] = ()

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation to run. Raises Rejected."""
        operations = [node for node in self.node.definitions if isinstance(node, OperationDefinitionNode)]
        if name is None:
            if len(operations) != 1:
                reason = "has no operation" if not operations else "has several: give operationName"
                raise Rejected(coded(f"The document {reason}.", BAD_REQUEST), status=400)
            return operations[0]
        for operation in operations:
            if operation.name and operation.name.value == name:
                return operation
        raise Rejected(coded("The document has no operation of this name.", BAD_REQUEST), status=400)


class Documents:
    """Documents by their text; at most MOST_DOCUMENTS are kept, those used last, and no very long one."""

    def __init__(self, schema: GraphQLSchema, *, suggestions: bool, introspection: bool = True) -> None:
        self._schema = schema
        self._suggestions = suggestions
        self._rules = RULES if introspection else (*RULES, NoSchemaIntrospectionCustomRule)
        self._prepare = lru_cache(MOST_DOCUMENTS)(self._prepare_now)

    def get(self, text: str) -> Document:
        """Raises Rejected when the text is no document of this schema."""
        document = self._prepare(text) if len(text) <= LONGEST_KEPT else self._prepare_now(text)
        if document.errors:
            raise Rejected(*document.errors)
        return document

    def _prepare_now(self, text: str) -> Document:
        try:
            node = parse(text, max_lexical_tokens=MOST_TOKENS, max_comments=MOST_TOKENS)
        except GraphQLError as error:
            return Document(NOTHING, (with_code(error, GRAPHQL_PARSE_FAILED),))
        try:
            found = validate(
                self._schema,
                node,
                self._rules,
                max_errors=MOST_ERRORS,
                hide_suggestions=not self._suggestions,
            )
        except RecursionError:
            found = [GraphQLError("The document is nested too deeply.")]
        return Document(node, tuple(with_code(each, GRAPHQL_VALIDATION_FAILED) for each in found))
