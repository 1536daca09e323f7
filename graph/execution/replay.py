"""graphql-core over recorded results: it decides about errors, their paths and nulls, and reads nothing.

The executor records by place what every batch function gave or raised, and what every mutation returned.
Here graphql-core executes root fields again, with these in the place of reads and writes. Introspection is
executed in the same way, and needs no records.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    is_non_null_type,
    located_error,
)
from graphql.execution.executor import to_nodes
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graph.errors import MAX_FIELD_ERRORS
from graph.execution.plan import BoundPlan, PlannedField
from graph.read_timestamps import ResponsePath, response_path
from graph.types.fields import DEFINITION, Batched, Mutating, declaration

log = structlog.get_logger("tidegraph")

# How many operations fields of theirs were executed again for, and how many of them without finding an error:
# an error that only the executor sees is a bug, which the response does not show.
fallbacks: Counter[str] = Counter()
REPLAYED, UNEXPLAINED = "replayed", "unexplained"


def count_fallback(failed: Iterable[str], located: Sequence[GraphQLError]) -> None:
    """Count a replay of failed root fields, and report fields that graphql-core finds nothing wrong with."""
    fallbacks[REPLAYED] += 1
    explained = {error.path[0] for error in located if error.path}
    if unexplained := sorted(set(failed) - explained):
        fallbacks[UNEXPLAINED] += 1
        log.error("executor failed without an error", fields=unexplained)


@dataclass(eq=False, slots=True)
class Recorded:
    """What was found for a field by its arguments and keys, or the exception that a whole call raised."""

    planned: PlannedField
    results: dict[Any, dict[Any, Any] | Exception] = field(default_factory=dict)

    def value(self, bound: BoundPlan, source: Any) -> Any:
        """What the field gives for an object. Raises what was raised."""
        declared: Any = self.planned.declared
        load = declared.plan(source, bound.arguments(self.planned).converted())
        found = self.results[load.arguments]
        if isinstance(found, Exception):
            raise found
        if not declared.many:
            return found[load.key]
        values = [found[key] for key in load.key]
        for each in values:
            if isinstance(each, Exception):
                raise each
        return values


class Records:
    """What one operation has read and changed."""

    def __init__(self, bound: BoundPlan) -> None:
        self.bound = bound
        # A mutation's result or exception, by its key in the response.
        self.outcomes: dict[str, Any] = {}
        self._fields: dict[tuple[ResponsePath, str], Recorded] = {}

    def of(self, place: ResponsePath, planned: PlannedField) -> Recorded:
        """The record of a field in a place, a new one if there is none."""
        key = (place, planned.definition.of.name)
        found = self._fields.get(key)
        if found is None:
            found = self._fields[key] = Recorded(planned)
        return found

    def get(self, place: ResponsePath, kind: str) -> Recorded:
        return self._fields[place, kind]

    def forget(self, root: str) -> None:
        """Forget what is below a root field."""
        for place, kind in [key for key in self._fields if key[0][0] == root]:
            del self._fields[place, kind]


class Replay(StrawberryGraphQLCoreExecutionContext):
    """Executes the root fields with these `keys`; nothing in it is awaited."""

    records: Records
    keys: set[str]

    @classmethod
    def of(
        cls, document: DocumentNode, operation: OperationDefinitionNode, raw: dict[str, Any], records: Records
    ) -> "Replay":
        """For variables that are known to be valid."""
        schema: Any = records.bound.schema
        replay: Any = cls.build(
            schema._schema,
            document,
            raw_variable_values=raw,
            operation_name=operation.name.value if operation.name else None,
            is_awaitable=never,  # type: ignore[arg-type]
            hide_suggestions=schema.config.disable_field_suggestions,
        )
        replay.records, replay.located = records, []
        found: Replay = replay
        return found

    # All errors of fields, also those that are not in the response.
    located: list[GraphQLError]

    def run(self) -> ExecutionResult:
        result: Any = self.execute_operation(serially=False)
        return result  # type: ignore[no-any-return]

    def execute_root_grouped_field_set(
        self, root_type: Any, root_value: Any, fields: Any, serially: bool, position: Any
    ) -> Any:
        chosen = {key: details for key, details in fields.items() if key in self.keys}
        return super().execute_root_grouped_field_set(root_type, root_value, chosen, serially, position)

    def execute_field(self, parent_type: Any, source: Any, details: Any, path: Any, position: Any) -> Any:
        defined = parent_type.fields.get(details[0].node.name.value)
        definition = defined.extensions.get(DEFINITION) if defined else None
        declared = declaration(definition) if definition else None
        if not isinstance(declared, Batched | Mutating):
            return super().execute_field(parent_type, source, details, path, position)
        info: Any = self.build_resolve_info(defined, to_nodes(details), parent_type, path)
        try:
            place = response_path(path)
            if isinstance(declared, Mutating):
                value = self.records.outcomes[place[0]]
            else:
                value = self.records.get(place, parent_type.name).value(self.records.bound, source)
            return self.complete_value(defined.type, details, info, path, value, position)
        except Exception as error:
            self.handle_field_error(error, defined.type, details, path)
            return None

    def complete_list_value(
        self, return_type: Any, details: Any, info: Any, path: Any, result: Any, position: Any
    ) -> Any:
        """The list as JSON, which takes a tenth of its memory."""
        completed = super().complete_list_value(return_type, details, info, path, result, position)
        return orjson.Fragment(orjson.dumps(completed))

    def complete_leaf_value(self, return_type: Any, result: Any) -> Any:  # type: ignore[override]
        value = super().complete_leaf_value(return_type, result)
        # Raises for what JSON does not have, so that the error is the field's.
        orjson.dumps(value)
        return value

    def handle_field_error(self, raw_error: Exception, return_type: Any, details: Any, path: Any) -> None:
        """Null the field, or raise where it cannot be null; a response has so many errors at most."""
        error = located_error(raw_error, to_nodes(details), path.as_list())
        self.located.append(error)
        try:
            if is_non_null_type(return_type):
                raise error
            if len(self.collected_errors.errors) < MAX_FIELD_ERRORS:
                self.collected_errors.add(error, path)
        finally:
            # The error's traceback refers to this frame.
            del raw_error, error


def never(_value: object) -> bool:
    return False
