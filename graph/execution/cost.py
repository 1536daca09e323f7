"""The cost of an operation, told from its fields and their arguments before anything is read."""

from collections.abc import Sequence
from typing import Any

import strawberry
from graphql import GraphQLError, get_nullable_type, is_list_type

from graph.errors import BAD_USER_INPUT, COST_LIMIT_EXCEEDED, MISTAKES, BadUserInput, Rejected, coded
from graph.execution.executor import RowExecutor
from graph.execution.field_tree import Fields, Selected
from graph.limits.value_count import count_json
from graph.types.arguments import WHERE, convert_arguments
from graph.types.connections.where import MOST_OBJECTS, TOO_MANY_OBJECTS, objects
from graph.types.field_costs import ONE, VALUES_PER_POINT, Price, mutation
from graph.types.fields import DEFINITION, Batched, Column, Computed, Mutating

# Fragments that multiply each other would give numbers that no JSON reader takes.
LARGEST = 1_000_000_000
NOTHING = Price(0)
# A filter of 50 conditions with lists of 100, and of 500 objects, has two thirds of it.
MOST_VALUES = 15_000
# What a field's plan raises for its arguments.
REFUSED: tuple[type[Exception], ...] = (GraphQLError, BadUserInput, *MISTAKES)


def charge(schema: strawberry.Schema, execution: RowExecutor, limit: int) -> int:
    """The operation's cost, at most LARGEST. Raises Rejected when it is above `limit`."""
    costs = Costs(schema)
    try:
        cost = min(costs.of_any(execution.outline, NOTHING) // VALUES_PER_POINT, LARGEST)
    except RecursionError:
        cost = LARGEST
    if cost > limit:
        message = f"The operation costs {cost} points, and {limit} are the limit. Ask for smaller pages."
        if costs.unserved:
            fields = ", ".join(costs.unserved)
            message += f" No index serves the filter and sort of {fields}, which costs more."
        raise Rejected(coded(message, COST_LIMIT_EXCEEDED, cost=cost, limit=limit))
    return cost


class Costs:
    """The costs of one operation's parts; each part is looked at once, however often fragments repeat it.

    They are counted in values: a point is VALUES_PER_POINT of them.
    """

    def __init__(self, schema: strawberry.Schema) -> None:
        self._schema = schema
        self._known: dict[tuple[Fields, Price], int] = {}
        # The fields whose filter and sort no index serves, in the order in which they are met.
        self.unserved: dict[str, bool] = {}

    def of_any(self, possible: Sequence[Fields], above: Price) -> int:
        """What is selected of one object; of the dearest where it can be of several types."""
        return max([self._of_object(fields, above) for fields in possible])

    def _of_object(self, fields: Fields, above: Price) -> int:
        """`above` is the price of the field whose object this is."""
        key = (fields, above)
        if key not in self._known:
            cost = sum([self._of_field(each, above) for each in fields])
            self._known[key] = max(0, min(cost, LARGEST * VALUES_PER_POINT))
        return self._known[key]

    def _of_field(self, selected: Selected, above: Price) -> int:
        try:
            price = self._price(selected) or Price(0, above.rows)
        except REFUSED:
            # The field will say so itself, and read nothing.
            return 0
        if price.surcharge:
            self.unserved[str(selected)] = True
        own = VALUES_PER_POINT * (price.own + (above.surcharge if price.again else 0))
        if not selected.below:
            return own + leaves(selected)
        if is_list_type(get_nullable_type(selected.field.type)):
            return own + price.rows * self.of_any(selected.below, NOTHING)
        return own + self.of_any(selected.below, price)

    def _price(self, selected: Selected) -> Price | None:
        """None where nothing is read: the object is there already, or the page of its connection."""
        match selected.declared:
            case Batched(price=price):
                return price(self._arguments(selected)) if callable(price) else price or ONE
            case Mutating():
                return mutation(selected.arguments()["input"].get("items"))
            case Column(items=items) | Computed(items=items) if items > 1:
                return Price(0, items)
            case _:
                return None

    def _arguments(self, selected: Selected) -> Any:
        """As the field's plan will get them. Raises Rejected for so many that no plan takes them."""
        sent = selected.arguments()
        if objects(sent.get(WHERE) or {}) > MOST_OBJECTS:
            raise Rejected(coded(TOO_MANY_OBJECTS, BAD_USER_INPUT))
        if count_json([sent]) > MOST_VALUES:
            name = selected.nodes[0].name.value
            message = f"The arguments of {name} hold more than {MOST_VALUES} values."
            raise Rejected(coded(message, BAD_USER_INPUT))
        return convert_arguments(sent, selected.field.extensions[DEFINITION].arguments, self._schema)


def leaves(selected: Selected) -> int:
    """How many values of the response a leaf is."""
    if selected.introspected:
        return selected.introspected
    declared = selected.declared
    return declared.items if isinstance(declared, Column | Computed) else 1
