"""The cost of an operation, told from its fields and their arguments before anything is read."""

from collections.abc import Sequence
from typing import Any

import strawberry
from graphql import GraphQLError, get_nullable_type, is_list_type

from graph.errors import (
    BAD_USER_INPUT,
    CLIENT_ERRORS,
    COST_LIMIT_EXCEEDED,
    BadUserInput,
    RequestError,
    coded_error,
)
from graph.execution.executor import RowExecutor
from graph.execution.field_tree import Fields, Selected
from graph.limits.value_count import count_json
from graph.types.arguments import WHERE, convert_arguments
from graph.types.connections.where import MOST_OBJECTS, TOO_MANY_OBJECTS, objects
from graph.types.field_costs import ONE, VALUES_PER_POINT, FieldCost, mutation
from graph.types.fields import DEFINITION, Batched, Column, Computed, Mutating

# Fragments that multiply each other would give numbers that no JSON reader takes.
LARGEST = 1_000_000_000
NO_COST = FieldCost(0)
# A filter of 50 conditions with lists of 100, and of 500 objects, has two thirds of it.
MOST_VALUES = 15_000
# What a field's plan raises for its arguments.
ARGUMENT_ERRORS: tuple[type[Exception], ...] = (GraphQLError, BadUserInput, *CLIENT_ERRORS)


def check_cost(schema: strawberry.Schema, execution: RowExecutor, limit: int) -> int:
    """The operation's cost, at most LARGEST. Raises RequestError when it is above `limit`."""
    costs = Costs(schema)
    try:
        cost = min(costs.of_any(execution.outline, NO_COST) // VALUES_PER_POINT, LARGEST)
    except RecursionError:
        cost = LARGEST
    if cost > limit:
        message = f"The operation costs {cost} points, and {limit} are the limit. Ask for smaller pages."
        if costs.unindexed:
            fields = ", ".join(costs.unindexed)
            message += f" No index serves the filter and sort of {fields}, which costs more."
        raise RequestError(coded_error(message, COST_LIMIT_EXCEEDED, cost=cost, limit=limit))
    return cost


class Costs:
    """The costs of one operation's parts; each part is looked at once, however often fragments repeat it.

    They are counted in values: a point is VALUES_PER_POINT of them.
    """

    def __init__(self, schema: strawberry.Schema) -> None:
        self._schema = schema
        self._known: dict[tuple[Fields, FieldCost], int] = {}
        # The fields whose filter and sort no index serves, in the order in which they are met.
        self.unindexed: dict[str, bool] = {}

    def of_any(self, possible: Sequence[Fields], above: FieldCost) -> int:
        """What is selected of one object; of the dearest where it can be of several types."""
        return max([self._of_object(fields, above) for fields in possible])

    def _of_object(self, fields: Fields, above: FieldCost) -> int:
        """`above` is the price of the field whose object this is."""
        key = (fields, above)
        if key not in self._known:
            cost = sum([self._of_field(each, above) for each in fields])
            self._known[key] = max(0, min(cost, LARGEST * VALUES_PER_POINT))
        return self._known[key]

    def _of_field(self, selected: Selected, above: FieldCost) -> int:
        try:
            cost = self._cost(selected) or FieldCost(0, above.rows)
        except ARGUMENT_ERRORS:
            # The field will say so itself, and read nothing.
            return 0
        if cost.surcharge:
            self.unindexed[str(selected)] = True
        own = VALUES_PER_POINT * (cost.own + (above.surcharge if cost.again else 0))
        if not selected.below:
            return own + leaves(selected)
        if is_list_type(get_nullable_type(selected.field.type)):
            return own + cost.rows * self.of_any(selected.below, NO_COST)
        return own + self.of_any(selected.below, cost)

    def _cost(self, selected: Selected) -> FieldCost | None:
        """None where nothing is read: the object is there already, or the page of its connection."""
        match selected.declared:
            case Batched(cost=cost):
                return cost(self._arguments(selected)) if callable(cost) else cost or ONE
            case Mutating():
                return mutation(selected.arguments()["input"].get("items"))
            case Column(items=items) | Computed(items=items) if items > 1:
                return FieldCost(0, items)
            case _:
                return None

    def _arguments(self, selected: Selected) -> Any:
        """As the field's plan will get them. Raises RequestError for so many that no plan takes them."""
        sent = selected.arguments()
        if objects(sent.get(WHERE) or {}) > MOST_OBJECTS:
            raise RequestError(coded_error(TOO_MANY_OBJECTS, BAD_USER_INPUT))
        if count_json([sent]) > MOST_VALUES:
            name = selected.nodes[0].name.value
            message = f"The arguments of {name} hold more than {MOST_VALUES} values."
            raise RequestError(coded_error(message, BAD_USER_INPUT))
        return convert_arguments(sent, selected.field.extensions[DEFINITION].arguments, self._schema)


def leaves(selected: Selected) -> int:
    """How many values of the response a leaf is."""
    if selected.introspected:
        return selected.introspected
    declared = selected.declared
    return declared.items if isinstance(declared, Column | Computed) else 1
