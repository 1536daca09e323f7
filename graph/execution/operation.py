"""Runs one operation of a document and codes, masks and logs what went wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import strawberry
from graphql import GraphQLError, OperationDefinitionNode
from graphql.execution.values import VariableValues, get_variable_values

from db.query_statistics import QueryStatistics
from graph.context import Context
from graph.errors import BAD_USER_INPUT, MAX_REQUEST_ERRORS, RequestError, mask_errors, too_large, with_code
from graph.execution.argument_check import check_arguments
from graph.execution.authorization import authorize
from graph.execution.cost import check_cost
from graph.execution.document_cache import Document
from graph.execution.executor import Executor
from graph.execution.plan import BoundPlan, Plan
from graph.execution.variable_errors import variable_errors

MAX_COERCION_ERRORS = 50


@dataclass(frozen=True, slots=True)
class Executed:
    """What an operation came to: its data, its errors, and its receipt."""

    data: dict[str, Any] | None
    errors: Sequence[GraphQLError]
    receipt: Mapping[str, Any]
    # How many bytes the response may have; if it has more, `reduced()` is sent.
    limit: int
    plan: Plan

    def reduced(self) -> "Executed":
        """No data, and one error: of a mutation below its field, because it was carried out."""
        error = too_large(self.limit)
        if self.plan.is_mutation:
            error.path = self.plan.too_large_path()
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
    values = get_variable_values(
        schema._schema,
        operation.variable_definitions or (),
        dict(variables),
        max_errors=MAX_COERCION_ERRORS,
        # variable_errors has its own: graphql-core's take long for a name of 1 MB, and are not shown.
        hide_suggestions=True,
    )
    if not isinstance(values, VariableValues):
        raise RequestError(*_variable_errors(schema, operation, variables, values))
    plan = document.plan(schema._schema, operation, values)
    bound = BoundPlan(plan, values, schema)
    cost = check_cost(bound, cost_limit)
    authorize(bound, context.caller.scopes)
    if plan.is_mutation:
        check_arguments(bound, document.fragments, context)
    executor = Executor(document, bound, dict(variables), context)
    try:
        data = await executor.execute()
        errors = mask_errors(executor.errors)
    finally:
        forget_tracebacks(executor.raised)
    budget = context.receipt.budget
    executed = Executed(data, errors, shown(context.receipt, cost), budget.limit, plan)
    return executed.reduced() if budget.exceeded and not plan.is_mutation else executed


def forget_tracebacks(errors: Sequence[BaseException]) -> None:
    """Free the frames that errors refer to, with all rows in them, at once: they form cycles."""
    for error in errors:
        for each in (error, getattr(error, "original_error", None)):
            if each is not None:
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
