"""Parsed and validated documents, cached so that a query is parsed and validated once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TypeAlias

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NoFragmentCyclesRule,
    OperationDefinitionNode,
    parse,
    validate,
)
from graphql.execution.values import VariableValues

from db.engine.compiled_sql import LRUCache
from graph.errors import (
    BAD_USER_INPUT,
    GRAPHQL_PARSE_FAILED,
    GRAPHQL_VALIDATION_FAILED,
    MAX_REQUEST_ERRORS,
    RequestError,
    bad_request,
    coded_error,
    with_code,
)
from graph.execution.plan import Flags, Plan, Planner, flag_names, flags_of
from graph.execution.validation import rules, with_hint
from graph.limits.document_size import DocumentSize
from graph.limits.limit_settings import LimitSettings
from graph.limits.value_count import NO_VALUES, ValueCounts, count_values

# A character makes up to 300 bytes of a parsed document: these are 120 MB at the worst, and seldom 20. A
# document counts as SMALLEST at least, so that there are 1,000 at most.
MAX_CHARACTERS, SMALLEST = 400_000, 400
NOTHING = DocumentNode(definitions=())
TOO_DEEP = "The document is nested too deeply."


def plan_cache() -> LRUCache[Hashable, Plan]:
    """Plans of many documents, as large as their documents' text: flags give one document several plans."""
    return LRUCache(MAX_CHARACTERS, lambda plan: plan.size)


@dataclass(eq=False)
class Document:
    """A document's text made ready, or the errors that stand in its way."""

    node: DocumentNode
    length: int
    errors: tuple[GraphQLError, ...] = ()
    values: ValueCounts = NO_VALUES
    plans: LRUCache[Hashable, Plan] = field(default_factory=plan_cache)
    # The variables of @skip and @include, by operation.
    _flag_names: dict[int, tuple[str, ...]] = field(default_factory=dict, init=False)

    @property
    def size(self) -> int:
        """The characters that it counts as in the cache."""
        return max(SMALLEST, self.length)

    def check_values(self, sent: Mapping[str, int], most: int) -> None:
        """Raises RequestError if the arguments hold more than `most` values. `sent` counts by variable."""
        if (count := self.values.count(sent)) > most:
            message = f"The operation's arguments have {count} values, with variables; the limit is {most}."
            raise RequestError(coded_error(message, BAD_USER_INPUT))

    @cached_property
    def fragments(self) -> dict[str, FragmentDefinitionNode]:
        definitions = self.node.definitions
        return {each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)}

    def plan(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, variables: VariableValues
    ) -> Plan:
        """The operation's plan for these values of @skip and @include. Raises RequestError."""
        names = self._flag_names.get(id(operation))
        if names is None:
            names = self._flag_names[id(operation)] = flag_names(operation, self.fragments)
        flags = flags_of(names, variables)
        key = (self, id(operation), *flags.values())
        return self.plans.get_or_make(key, partial(self._make_plan, schema, operation, flags))

    def _make_plan(self, schema: GraphQLSchema, operation: OperationDefinitionNode, flags: Flags) -> Plan:
        try:
            return Planner(schema, self.fragments, flags).plan(operation, self.size)
        except RecursionError:
            pass
        raise RequestError(coded_error(TOO_DEEP, GRAPHQL_VALIDATION_FAILED))

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation to run. Raises RequestError."""
        operations = [node for node in self.node.definitions if isinstance(node, OperationDefinitionNode)]
        if name is None:
            if len(operations) != 1:
                reason = (
                    "has no operation" if not operations else "has several operations: send operationName"
                )
                raise bad_request(f"The document {reason}.")
            return operations[0]
        for operation in operations:
            if operation.name and operation.name.value == name:
                return operation
        raise bad_request("The document has no operation with this operationName.")


# From so many characters on, parsing and validating take more than some milliseconds, and a thread does it.
LONG_DOCUMENT = 4_000
# Runs a function in another thread.
Run: TypeAlias = Callable[[Callable[[], Document]], Awaitable[Document]]


class Documents:
    """Documents by their text, in an LRU cache."""

    def __init__(
        self, schema: GraphQLSchema, limits: LimitSettings, *, suggestions: bool, introspection: bool = True
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._rules = rules(limits, introspection=introspection)
        self._suggestions = suggestions
        self._plans = plan_cache()
        self._preparing: dict[str, asyncio.Future[Document]] = {}
        self._cache: LRUCache[str, Document] = LRUCache(MAX_CHARACTERS, lambda document: document.size)

    def get(self, text: str) -> Document:
        """Raises RequestError when the text is no document of this schema."""
        return _checked(self._cache.get_or_make(text, partial(self._prepare, text)))

    async def find(self, text: str, run: Run) -> Document:
        """Like `get`, but a long document that is not cached is parsed and validated by `run`."""
        if len(text) < LONG_DOCUMENT or text in self._cache:
            return self.get(text)
        preparing = self._preparing.get(text)
        if preparing is None:
            preparing = asyncio.ensure_future(run(partial(self._prepare, text)))
            self._preparing[text] = preparing
            preparing.add_done_callback(partial(self._prepared, text))
        # Requests for the same document share it, and one that is canceled does not cancel it for the others.
        return _checked(await asyncio.shield(preparing))

    def _prepared(self, text: str, preparing: asyncio.Future[Document]) -> None:
        del self._preparing[text]
        if not preparing.cancelled() and preparing.exception() is None:
            self._cache[text] = preparing.result()

    def _prepare(self, text: str) -> Document:
        if len(text) > self._limits.document_limit:
            message = f"The document has more than {self._limits.document_limit:,} characters. Use variables."
            return Document(NOTHING, len(text), (coded_error(message, GRAPHQL_PARSE_FAILED),))
        most = self._limits.token_limit
        try:
            node = parse(text, max_lexical_tokens=most, max_comments=most)
        except GraphQLError as error:
            return Document(NOTHING, len(text), (with_code(error, GRAPHQL_PARSE_FAILED),))
        try:
            found = self._validation_errors(node)
            values = NO_VALUES if found else count_values(node)
        except RecursionError:
            found, values = [GraphQLError(TOO_DEEP)], NO_VALUES
        errors = tuple(with_code(each, GRAPHQL_VALIDATION_FAILED) for each in found)
        return Document(node, len(text), errors, values, self._plans)

    def _validation_errors(self, node: DocumentNode) -> list[GraphQLError]:
        # Not with the other rules: what is too large is not gone through by them.
        sizes = DocumentSize(node)
        if excess := sizes.excess(self._limits):
            return [GraphQLError(excess)]
        errors = validate(
            self._schema,
            node,
            [NoFragmentCyclesRule] if sizes.is_circular else self._rules,
            max_errors=MAX_REQUEST_ERRORS,
            hide_suggestions=not self._suggestions,
        )
        return [with_hint(self._schema, error) for error in errors] if self._suggestions else errors


def _checked(document: Document) -> Document:
    if document.errors:
        raise RequestError(*document.errors)
    return document
