"""The cost of an operation, told from its fields and their arguments before anything is read."""

from collections.abc import Sequence
from typing import Any

import strawberry
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_argument_values,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_list_type,
    is_object_type,
)
from graphql.execution import Executor
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from graph.errors import COST_LIMIT_EXCEEDED, MISTAKES, BadUserInput, Rejected, coded
from graph.selection import Selections
from graph.types.fields import DEFINITION, Batched, Mutating, declaration
from graph.types.prices import MUTATION, ONE, Price

# Fragments that multiply each other would give numbers that no JSON reader takes.
LARGEST = 1_000_000_000
# What a field's plan raises for its arguments.
REFUSED: tuple[type[Exception], ...] = (GraphQLError, BadUserInput, *MISTAKES)


def charge(schema: strawberry.Schema, execution: Executor[Any], limit: int) -> int:
    """The operation's cost, at most LARGEST. Raises Rejected when it is above `limit`."""
    costs = Costs(schema, execution)
    try:
        cost = costs.of_operation()
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
    """The costs of one operation's parts; each part is looked at once, however often fragments repeat it."""

    def __init__(self, schema: strawberry.Schema, execution: Executor[Any]) -> None:
        self._schema = schema
        self._operation = execution.operation
        self._variables = execution.variable_values
        self._selections = Selections(
            execution.schema, execution.fragment_definitions, execution.variable_values.coerced
        )
        self._known: dict[Any, int] = {}
        # The fields whose filter and sort no index serves, in the order in which they are met.
        self.unserved: dict[str, bool] = {}

    def of_operation(self) -> int:
        root = self._selections.schema.get_root_type(self._operation.operation)
        return self._of_objects(root, [self._operation], Price(0))

    def _of_objects(
        self, kind: Any, nodes: Sequence[FieldNode | OperationDefinitionNode], above: Price
    ) -> int:
        """What is selected of one object; of the dearest where it can be of several types."""
        if is_abstract_type(kind):
            possible = self._selections.schema.get_possible_types(kind)
            return max(self._of_object(each, nodes, above) for each in possible)
        return self._of_object(kind, nodes, above) if is_object_type(kind) else 0

    def _of_object(
        self, kind: GraphQLObjectType, nodes: Sequence[FieldNode | OperationDefinitionNode], above: Price
    ) -> int:
        key = (kind.name, above, *map(id, nodes))
        if key not in self._known:
            groups = self._selections.below(nodes, kind).values()
            cost = sum([self._of_field(kind, group, above) for group in groups])
            self._known[key] = max(0, min(cost, LARGEST))
        return self._known[key]

    def _of_field(self, kind: GraphQLObjectType, nodes: list[FieldNode], above: Price) -> int:
        """`above` is the price of the field whose object this is."""
        name = nodes[0].name.value
        field = kind.fields.get(name)
        if field is None:
            return 0
        try:
            price = self._price(field, nodes[0]) or Price(0, above.rows)
        except REFUSED:
            # The field will say so itself, and read nothing.
            return 0
        if price.surcharge:
            self.unserved[f"{kind.name}.{name}"] = True
        is_list = is_list_type(get_nullable_type(field.type))
        cost = self._of_objects(get_named_type(field.type), nodes, Price(0) if is_list else price)
        again = above.surcharge if price.again else 0
        return price.own + again + cost * (price.rows if is_list else 1)

    def _price(self, field: GraphQLField, node: FieldNode) -> Price | None:
        """None where nothing is read: the object is there already, or the page of its connection."""
        definition: StrawberryField = field.extensions[DEFINITION]
        match declaration(definition):
            case Batched(price=price):
                if not callable(price):
                    return price or ONE
                return price(self._arguments(definition, field, node))
            case Mutating():
                return MUTATION
            case _:
                return None

    def _arguments(self, definition: StrawberryField, field: GraphQLField, node: FieldNode) -> Any:
        """As the field's plan will get them."""
        return convert_arguments(
            get_argument_values(field, node, self._variables),
            definition.arguments,
            scalar_registry=self._schema.schema_converter.scalar_registry,
            config=self._schema.config,
        )
