"""The cost of an operation, computed from its plan and arguments before anything is read."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from graphql import GraphQLError, get_nullable_type, is_list_type

from graph.errors import (
    BAD_USER_INPUT,
    CLIENT_ERRORS,
    COST_LIMIT_EXCEEDED,
    BadUserInput,
    RequestError,
    coded_error,
)
from graph.execution.plan import BoundPlan, FieldArguments, PlannedField, Selection
from graph.limits.value_count import count_json
from graph.types.arguments import WHERE
from graph.types.connections.where import MAX_OBJECTS, TOO_MANY_OBJECTS, count_objects
from graph.types.field_costs import ONE, VALUES_PER_POINT, FieldCost, mutation
from graph.types.fields import Batched, Column, Computed, Mutating

# Fragments that multiply each other would give numbers that no JSON reader takes.
LARGEST = 1_000_000_000
NO_COST = FieldCost(0)
# A filter of 50 conditions with lists of 100, and of 500 objects, has two thirds of it.
MAX_ARGUMENT_VALUES = 15_000
# What a field's plan raises for its arguments.
ARGUMENT_ERRORS: tuple[type[Exception], ...] = (GraphQLError, BadUserInput, *CLIENT_ERRORS)


def check_cost(bound: BoundPlan, limit: int) -> int:
    """The operation's cost, at most LARGEST. Raises RequestError when it is above `limit`."""
    costs = Costs(bound)
    cost = min(costs.of_selection(bound.plan.roots, NO_COST) // VALUES_PER_POINT, LARGEST)
    if cost > limit:
        message = f"The operation costs {cost} points; the limit is {limit}. Ask for smaller pages."
        if costs.unindexed:
            fields = ", ".join(costs.unindexed)
            message += f" No index serves the filter and sort of {fields}, which makes them expensive."
        raise RequestError(coded_error(message, COST_LIMIT_EXCEEDED, cost=cost, limit=limit))
    return cost


class Costs:
    """The costs of one operation's selections; each is visited once, however often fragments repeat it.

    They are counted in values: a point is VALUES_PER_POINT of them.
    """

    def __init__(self, bound: BoundPlan) -> None:
        self._bound = bound
        self._known: dict[tuple[Selection, FieldCost], int] = {}
        # The fields whose filter and sort no index serves, in the order in which they are met.
        self.unindexed: dict[str, bool] = {}

    def of_selection(self, selection: Selection, above: FieldCost) -> int:
        """What is selected of one object; `above` is the cost of the field whose object this is."""
        key = (selection, above)
        if key not in self._known:
            cost = sum([self._of_field(each, above) for each in selection.fields])
            self._known[key] = max(0, min(cost, LARGEST * VALUES_PER_POINT))
        return self._known[key]

    def _of_any(self, possible: Sequence[Selection], above: FieldCost) -> int:
        """The most expensive type where the object can be of several."""
        return max([self.of_selection(each, above) for each in possible])

    def _of_field(self, field: PlannedField, above: FieldCost) -> int:
        try:
            cost = self._cost(field) or FieldCost(0, above.rows)
        except ARGUMENT_ERRORS:
            # The field will say so itself, and read nothing.
            return 0
        if cost.surcharge:
            self.unindexed[str(field)] = True
        own = VALUES_PER_POINT * (cost.own + (above.surcharge if cost.repeats_surcharge else 0))
        if not field.below:
            return own + leaves(field)
        if is_list_type(get_nullable_type(field.definition.field.type)):  # type: ignore[union-attr]
            return own + cost.rows * self._of_any(field.below, NO_COST)
        return own + self._of_any(field.below, cost)

    def _cost(self, field: PlannedField) -> FieldCost | None:
        """None where nothing is read: the object is there already, or the page of its connection."""
        match field.declared:
            case Batched(cost=cost) if callable(cost):
                arguments = self._bound.arguments(field)
                return arguments.once("cost", partial(_cost_of_arguments, field, cost, arguments))
            case Batched(cost=FieldCost() as cost):
                return cost
            case Batched():
                return ONE
            case Mutating():
                return mutation(self._bound.arguments(field).sent()["input"].get("items"))
            case Column(items=items) | Computed(items=items) if items > 1:
                return FieldCost(0, items)
            case _:
                return None


def _cost_of_arguments(
    field: PlannedField, cost: Callable[[Mapping[str, Any]], FieldCost], arguments: FieldArguments
) -> FieldCost:
    """Raises RequestError for so many values that no plan takes them."""
    sent = arguments.sent()
    if count_objects(sent.get(WHERE) or {}) > MAX_OBJECTS:
        raise RequestError(coded_error(TOO_MANY_OBJECTS, BAD_USER_INPUT))
    if count_json([sent]) > MAX_ARGUMENT_VALUES:
        message = f"The arguments of {field.name} have more than {MAX_ARGUMENT_VALUES} values."
        raise RequestError(coded_error(message, BAD_USER_INPUT))
    return cost(arguments.converted())


def leaves(field: PlannedField) -> int:
    """How many values of the response a leaf is."""
    if field.introspected:
        return field.introspected
    declared = field.declared
    return declared.items if isinstance(declared, Column | Computed) else 1
