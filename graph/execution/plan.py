"""Plans: what an operation reads and builds, worked out once per document and values of @skip and @include.

A Plan holds the Selection of the root type. A Selection lists the fields selected of objects of one type,
with fragments expanded. A PlannedField points to its declaration, and to one Selection for each type of
object that it can give. Cost, scopes, argument checks, columns and execution all follow it.

    Plan ── roots: Selection(Query) ── PlannedField(customers) ── Selection(CustomerConnection) ── …

A BoundPlan is a plan with the variables of one request. It coerces each field's arguments once; those without
variables are coerced once for all requests.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any, TypeVar

import strawberry
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    Node,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    get_argument_values,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    visit,
)
from graphql.execution.values import VariableValues

from graph.types.arguments import Arguments, Remembered, convert_arguments
from graph.types.fields import DEFINITION, Batched, Column, Computed, Declaration, declaration

T = TypeVar("T")
INTROSPECTION = {"__schema": "__Schema", "__type": "__Type"}
# About how many items the lists of this schema's introspection have, over all types.
INTROSPECTED_ITEMS = {
    "types": 110,
    "fields": 5,
    "inputFields": 4,
    "args": 2,
    "enumValues": 2,
    "possibleTypes": 2,
    "directives": 10,
    "locations": 2,
}
# What a row has although only its key is known.
KEY_FIELDS = {"id", "__typename"}

# The value of a variable that @skip or @include names; None where neither true nor false was sent.
Flags = Mapping[str, bool | None]
# Nodes of fields with the same key in the response, or the operation itself.
Nodes = Sequence[FieldNode | OperationDefinitionNode]


@dataclass(eq=False, slots=True)
class Selection:
    """The fields selected of objects of type `of`; the same object where fragments repeat it.

    It is `invalid` if a condition of @skip or @include in it is null: graphql-core refuses such objects.
    """

    of: GraphQLObjectType
    fields: tuple["PlannedField", ...] = ()
    invalid: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class FieldDefinition:
    """A field of the schema with its declaration; made once, and shared by all plans."""

    of: GraphQLObjectType
    name: str
    field: GraphQLField | None = None
    declared: Declaration | None = None
    python_name: str = ""
    # Reads a column or computed value from a row.
    read: Callable[[Any], Any] = attrgetter("__class__")

    @property
    def type(self) -> Any:
        return self.field.type if self.field else None

    @property
    def is_nullable_object(self) -> bool:
        return is_composite_type(self.type)


@dataclass(eq=False, slots=True)
class PlannedField:
    """A field as it is selected. `below` has a Selection for each type of object that it can give."""

    definition: FieldDefinition
    nodes: Sequence[FieldNode]
    key: str
    below: Sequence[Selection] = ()
    # Arguments without variables have the same values in each request.
    has_variables: bool = False
    # About how many values `__schema` or `__type` has.
    introspected: int = 0
    constant: "FieldArguments | None" = None

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def declared(self) -> Declaration | None:
        return self.definition.declared

    @property
    def is_introspection(self) -> bool:
        return self.definition.name in INTROSPECTION

    @property
    def is_key_only(self) -> bool:
        """Whether nothing is selected of its objects but what their key says."""
        return all(field.name in KEY_FIELDS for selection in self.below for field in selection.fields)

    def __str__(self) -> str:
        return f"{self.definition.of.name}.{self.definition.name}"


@dataclass(eq=False)
class Plan:
    """What one operation selects for one set of flags."""

    operation: OperationDefinitionNode
    roots: Selection
    # What it counts as in a cache: the characters of its document.
    size: int = 0

    @property
    def is_mutation(self) -> bool:
        return self.operation.operation is OperationType.MUTATION

    def too_large_path(self, mutation: PlannedField | None = None) -> list[str | int]:
        """The path of what is left out of a mutation's payload, by default the first one's."""
        root = mutation or next((each for each in self.roots.fields if each.below), self.roots.fields[0])
        fields = [planned for selection in root.below for planned in selection.fields]
        left_out = [planned for planned in fields if planned.below] or fields
        return [root.key, *[planned.key for planned in left_out[:1]]]

    @cached_property
    def columns(self) -> Mapping[Batched, frozenset[str]]:
        """What the operation reads of each connection's pages: see `selected` in `page_reads.read`.

        It is the union of all places with that connection, so that aliases go on sharing a batch.
        """
        found: dict[Batched, set[str]] = defaultdict(set)
        seen: set[tuple[Selection, Batched | None]] = set()

        def collect(selection: Selection, page_of: Batched | None) -> None:
            """What is selected of objects that lie in a page of `page_of`, if they lie in any."""
            if (selection, page_of) in seen:
                return
            seen.add((selection, page_of))
            for planned in selection.fields:
                is_row = page_of is not None and page_of.rows == selection.of.name
                if page_of and (is_row or isinstance(planned.declared, Computed)):
                    # Columns of a row, or attributes of its page: of the connection or of PageInfo.
                    found[page_of].update(columns_of(planned.definition))
                # What a row's own column holds is no row.
                below = None if is_row else page_of
                if isinstance(planned.declared, Batched):
                    below = planned.declared if planned.declared.rows else None
                    if below:
                        found[below].update()
                for each in planned.below:
                    collect(each, below)

        collect(self.roots, None)
        return {batched: frozenset(names) for batched, names in found.items()}


def columns_of(definition: FieldDefinition) -> tuple[str, ...]:
    """The columns of a row that a field of its type reads."""
    match definition.declared:
        case Column():
            return (definition.python_name,)
        case Computed(columns=columns) | Batched(columns=columns):
            return columns
        case _:
            return ()


class FieldArguments:
    """The arguments of one field: as graphql-core coerces them, and as its declaration takes them."""

    def __init__(self, field: PlannedField, variables: VariableValues, schema: strawberry.Schema) -> None:
        self._field, self._variables, self._schema = field, variables, schema
        self._known = Remembered()

    def sent(self) -> dict[str, Any]:
        """By their names in the schema. Raises GraphQLError, the same one each time."""
        return self._known.get("sent", self._coerce)

    def converted(self) -> Arguments:
        """By their Python names. Raises GraphQLError, the same one each time."""
        return self._known.get("converted", self._convert)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` computes from the arguments, or raises; called once for each name."""
        return self._known.get(name, make)

    def _coerce(self) -> dict[str, Any]:
        definition: Any = self._field.definition.field
        hide = self._schema.config.disable_field_suggestions
        return get_argument_values(definition, self._field.nodes[0], self._variables, hide_suggestions=hide)

    def _convert(self) -> Arguments:
        known = self._field.definition.field.extensions[DEFINITION].arguments  # type: ignore[union-attr]
        return Arguments(convert_arguments(self.sent(), known, self._schema))


class BoundPlan:
    """A plan with the variables of one request."""

    def __init__(self, plan: Plan, variables: VariableValues, schema: strawberry.Schema) -> None:
        self.plan, self.variables, self.schema = plan, variables, schema
        self._arguments: dict[PlannedField, FieldArguments] = {}

    def arguments(self, field: PlannedField) -> FieldArguments:
        """The field's arguments; those without variables are kept with the plan, for all requests."""
        found = field.constant or self._arguments.get(field)
        if found is None:
            found = FieldArguments(field, self.variables, self.schema)
            if not field.has_variables and isinstance(field.declared, Batched) and _is_valid(found):
                field.constant = found
            else:
                self._arguments[field] = found
        return found


def _is_valid(arguments: FieldArguments) -> bool:
    """An exception is not kept with a plan: its traceback would hold a request's objects."""
    try:
        arguments.converted()
    except Exception:
        return False
    return True


def flags_of(names: Sequence[str], variables: VariableValues) -> Flags:
    """The values of the variables that decide what is selected."""
    return {name: variables.coerced.get(name) for name in names}


def flag_names(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> tuple[str, ...]:
    """The variables in @skip and @include of an operation and its fragments."""
    found: dict[str, bool] = {}
    seen: set[str] = set()
    waiting: list[SelectionSetNode] = [operation.selection_set]
    while waiting:
        for node in waiting.pop().selections:
            found.update((name, True) for name, _ in _conditions(node) if isinstance(name, str))
            if isinstance(node, FragmentSpreadNode):
                if node.name.value not in seen:
                    seen.add(node.name.value)
                    waiting.append(fragments[node.name.value].selection_set)
            elif below := getattr(node, "selection_set", None):
                waiting.append(below)
    return tuple(found)


def _conditions(node: SelectionNode) -> Iterator[tuple[str | bool, bool]]:
    """Of @skip, then @include: its value or its variable's name, and the value that leaves `node` out."""
    for name, excluded in (("skip", True), ("include", False)):
        for directive in node.directives or ():
            if directive.name.value == name and directive.arguments:
                value: Any = directive.arguments[0].value
                yield value.name.value if isinstance(value, VariableNode) else value.value, excluded


class Planner:
    """Builds the plan of one operation of a valid document. Raises RecursionError for very deep nesting."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], flags: Flags
    ) -> None:
        self._schema, self._fragments, self._flags = schema, fragments, flags
        self._selections: dict[Hashable, Selection] = {}
        self._introspected: dict[Hashable, int] = {}

    def plan(self, operation: OperationDefinitionNode, size: int = 0) -> Plan:
        root: Any = self._schema.get_root_type(operation.operation)
        return Plan(operation, self._selection(root, [operation]), size)

    def _selection(self, kind: GraphQLObjectType, nodes: Nodes) -> Selection:
        known = (kind, *map(id, nodes))
        if known not in self._selections:
            groups = FieldCollector(self._schema, self._fragments, self._flags, kind)
            groups.collect(nodes)
            fields = tuple([self._field(kind, key, group) for key, group in groups.found.items()])
            self._selections[known] = Selection(kind, fields, groups.invalid)
        return self._selections[known]

    def _field(self, kind: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> PlannedField:
        definition = field_definition(self._schema, kind, nodes[0].name.value)
        if definition.field is None:
            return PlannedField(definition, nodes, key, introspected=self._values_of_introspection(nodes))
        below: list[Selection] = []
        if nodes[0].selection_set:
            named: Any = get_named_type(definition.field.type)
            possible = self._schema.get_possible_types(named) if is_abstract_type(named) else [named]
            below = [self._selection(each, nodes) for each in possible]
        return PlannedField(definition, nodes, key, below, has_variables=has_variables(nodes[0].arguments))

    def _values_of_introspection(self, nodes: Sequence[FieldNode]) -> int:
        name = INTROSPECTION.get(nodes[0].name.value)
        return self._values(self._schema.type_map[name], nodes) if name else 0

    def _values(self, kind: Any, nodes: Nodes) -> int:
        """About how many values introspection shows of an object."""
        known = (kind, *map(id, nodes))
        if known not in self._introspected:
            groups = FieldCollector(self._schema, self._fragments, self._flags, kind)
            groups.collect(nodes)
            self._introspected[known] = sum([self._values_of(kind, each) for each in groups.found.values()])
        return self._introspected[known]

    def _values_of(self, kind: Any, nodes: Sequence[FieldNode]) -> int:
        name = nodes[0].name.value
        below = get_named_type(kind.fields[name].type) if nodes[0].selection_set else None
        return INTROSPECTED_ITEMS.get(name, 1) * (self._values(below, nodes) if below else 1)


class FieldCollector:
    """Collects the fields that are selected of objects of one type, by their keys in the response."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        flags: Flags,
        kind: GraphQLObjectType,
    ) -> None:
        self._schema, self._fragments, self._flags, self._kind = schema, fragments, flags, kind
        self._spread: set[str] = set()
        self.found: dict[str, list[FieldNode]] = {}
        self.invalid = False

    def collect(self, nodes: Nodes) -> None:
        """What is selected below each of the nodes."""
        for node in nodes:
            if node.selection_set:
                self._collect(node.selection_set)

    def _collect(self, selections: SelectionSetNode) -> None:
        for node in selections.selections:
            if node.directives and not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                self.found.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if self._fits(node.type_condition):
                    self._collect(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in self._spread:
                self._spread.add(node.name.value)
                fragment = self._fragments[node.name.value]
                if self._fits(fragment.type_condition):
                    self._collect(fragment.selection_set)

    def _is_included(self, node: SelectionNode) -> bool:
        for given, excluded in _conditions(node):
            value = self._flags[given] if isinstance(given, str) else given
            if value is excluded:
                return False
            self.invalid |= value is None
        return True

    def _fits(self, condition: NamedTypeNode | None) -> bool:
        if condition is None or condition.name.value == self._kind.name:
            return True
        wanted = self._schema.get_type(condition.name.value)
        return is_abstract_type(wanted) and self._schema.is_sub_type(wanted, self._kind)


@lru_cache(5_000)
def field_definition(schema: GraphQLSchema, kind: GraphQLObjectType, name: str) -> FieldDefinition:
    """The field of a type; without a declaration if it is GraphQL's own, such as `__typename`."""
    field = kind.fields.get(name)
    if field is None:
        return FieldDefinition(kind, name)
    definition = field.extensions[DEFINITION]
    declared, python_name = declaration(definition), definition.python_name
    read = declared.of if isinstance(declared, Computed) else attrgetter(python_name)
    return FieldDefinition(kind, name, field, declared, python_name, read)


def has_variables(nodes: Sequence[Node] | None) -> bool:
    """Whether a variable is used in any of the nodes."""
    found = FindVariable()
    for node in nodes or ():
        visit(node, found)
    return found.is_there


class FindVariable(Visitor):
    """Visits a value until it meets a variable."""

    is_there = False

    def enter_variable(self, *_: Any) -> Any:
        self.is_there = True
        return self.BREAK
