"""Runs one operation of a document and codes, masks and logs what went wrong."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import strawberry
from graphql import GraphQLError, OperationDefinitionNode

from db.query_statistics import QueryStatistics
from graph.context import Context
from graph.errors import BAD_USER_INPUT, MAX_REQUEST_ERRORS, RequestError, mask_errors, too_large, with_code
from graph.execution.argument_check import check_arguments
from graph.execution.authorization import authorize
from graph.execution.cost import check_cost
from graph.execution.document_cache import Document
from graph.execution.executor import RowExecutor, is_pending
from graph.execution.plan import BoundPlan, Plan
from graph.execution.variable_errors import variable_errors


@dataclass(frozen=True, slots=True)
class Executed:
    """What an operation came to: its data, its errors, and its receipt."""

    data: dict[str, Any] | None
    errors: Sequence[GraphQLError]
    receipt: Mapping[str, Any]
    executor: RowExecutor
    plan: Plan

    @property
    def limit(self) -> int:
        """How many bytes the response may have; if it has more, `reduced()` is sent."""
        return self.executor.budget.limit

    def reduced(self) -> "Executed":
        """No data, and one error: of a mutation below its field, because it was carried out."""
        error = too_large(self.limit)
        if self.plan.is_mutation:
            error.path = self.plan.first_path
        return replace(self, data=None, errors=[error])


async def execute(
    schema: strawberry.Schema,
    document: Document,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    context: Context,
    cost_limit: int,
) -> Executed:
    """The operation's result with its receipt; every error has a code.

    Raises RequestError for invalid variables, an operation above the cost limit, and missing scopes.
    """
    executor: RowExecutor | list[GraphQLError] = RowExecutor.build(  # type: ignore[assignment]
        schema._schema,
        document.node,
        context_value=context,
        raw_variable_values=dict(variables),
        operation_name=operation.name.value if operation.name else None,
        is_awaitable=is_pending,  # type: ignore[arg-type]
        hide_suggestions=schema.config.disable_field_suggestions,
    )
    if isinstance(executor, list):
        raise RequestError(*_variable_errors(schema, operation, variables, executor))
    plan = document.plan(schema._schema, operation, executor.variable_values)
    bound = BoundPlan(plan, executor.variable_values, schema)
    cost = check_cost(bound, cost_limit)
    authorize(bound, context.caller.scopes)
    if plan.is_mutation:
        check_arguments(bound, document.fragments, context)
    context.columns = plan.columns.get
    result: Any = executor.execute_operation()
    if isinstance(result, Awaitable):
        result = await result
    budget = context.receipt.budget
    executed = Executed(
        result.data, mask_errors(result.errors or ()), shown(context.receipt, cost), executor, plan
    )
    forget_tracebacks(executor.located)
    return executed.reduced() if budget.exceeded and not plan.is_mutation else executed


def forget_tracebacks(errors: Sequence[GraphQLError]) -> None:
    """Free the frames that errors refer to, with all rows in them, at once: they form cycles."""
    for error in errors:
        for each in [error, *([error.original_error] if error.original_error else [])]:
            each.__traceback__ = each.__context__ = each.__cause__ = None


def _variable_errors(
    schema: strawberry.Schema,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    found: Sequence[GraphQLError],
) -> list[GraphQLError]:
    """Ours, which have paths; graphql-core's for what it alone refuses, such as values nested too deeply."""
    suggestions = not schema.config.disable_field_suggestions
    try:
        errors = variable_errors(schema._schema, operation, variables, suggestions=suggestions)
    except RecursionError:
        errors = []
    return errors or [with_code(error, BAD_USER_INPUT) for error in found[:MAX_REQUEST_ERRORS]]


def shown(receipt: QueryStatistics, cost: int) -> dict[str, Any]:
    """The receipt as clients get it."""
    return {
        "cost": cost,
        "statements": receipt.statements,
        "rows": receipt.rows,
        "databaseMs": round(receipt.seconds * 1000, 3),
        "attempts": receipt.attempts,
        "retriedFor": receipt.retried_for,
    }
