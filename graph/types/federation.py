"""Apollo Federation subgraph: `_service` with the SDL, and `_entities` by ID.

The subgraph specification fixes the names and the shapes:
https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, NamedTuple, NewType

import strawberry
from graphql import ObjectTypeDefinitionNode, Visitor, parse, print_ast, visit
from strawberry.types.scalar import ScalarDefinition

from graph import loaders
from graph.auth.scopes import Scope
from graph.errors import BadUserInput
from graph.global_ids import GlobalId
from graph.types.field_costs import FieldCost, each
from graph.types.fields import Load, argument, batched, column, computed
from graph.types.objects import Customer, Order
from graph.types.requires_scope import READ_SCOPES

MAX_REPRESENTATIONS = 1_000
LINK = """extend schema @link(
  url: "https://specs.apollo.dev/federation/v2.3", import: ["@inaccessible", "@key", "@shareable"]
)"""
# Value types that other subgraphs may define identically.
SHAREABLE_TYPES = {"PageInfo", "Money", "Count"}
# Hidden from the supergraph: other subgraphs' PageInfo has no snapshot, and their `node` finds other objects,
# so the gateway could not know which subgraph to query.
HIDDEN_FIELDS = {"PageInfo": {"snapshot"}, "Query": {"node", "nodes"}}

Representation = NewType("Representation", object)
ANY_SCALAR: dict[Any, ScalarDefinition] = {
    Representation: strawberry.scalar(
        name="_Any",
        description="The representation of an entity: an object with its __typename and its key fields.",
        serialize=lambda value: value,
        parse_value=lambda value: value,
    )
}
Entity = Annotated[
    Customer | Order, strawberry.union("_Entity", description="Every type that other subgraphs can extend.")
]


class ServiceRow(NamedTuple):
    sdl: str


@strawberry.type(name="_Service", description="This subgraph, for composition by a gateway.")
class Service:
    sdl: str = column(
        "The schema of this subgraph with federation directives, without the federation fields."
    )


def decode_representations(representations: Any) -> list[GlobalId | None]:
    """The global IDs of the representations; None for an invalid ID. Raises BadUserInput."""
    if len(representations) > MAX_REPRESENTATIONS:
        raise BadUserInput(f"_entities takes at most {MAX_REPRESENTATIONS:,} representations.")
    return [_global_id(index, one) for index, one in enumerate(representations)]


def _global_id(index: int, representation: Any) -> GlobalId | None:
    if not isinstance(representation, Mapping):
        raise BadUserInput(f"representations[{index}] must be an object with __typename and id.")
    kind = representation.get("__typename")
    if not isinstance(kind, str) or kind not in READ_SCOPES:
        raise BadUserInput(f"representations[{index}].__typename must be one of {', '.join(READ_SCOPES)}.")
    if not isinstance(text := representation.get("id"), str):
        raise BadUserInput(f"representations[{index}].id must be a string: the key of {kind} is id.")
    found = GlobalId.decode(text)
    return found if found and found.kind == kind else None


def _plan(_root: Any, arguments: Mapping[str, Any]) -> Load:
    return Load(decode_representations(arguments["representations"]))


def _cost(arguments: Mapping[str, Any]) -> FieldCost:
    return each(decode_representations(arguments["representations"]))


def _scopes_of(arguments: Mapping[str, Any]) -> Iterable[Scope]:
    kinds = [one.get("__typename") for one in arguments["representations"] if isinstance(one, Mapping)]
    return {READ_SCOPES[kind] for kind in kinds if isinstance(kind, str) and kind in READ_SCOPES}


def service(sdl: Callable[[], str]) -> Any:
    """`_service`: the SDL that a gateway composes."""
    field = computed(lambda _root: ServiceRow(sdl()), description="This subgraph's schema, for composition.")
    field.graphql_name = "_service"
    return field


def entities() -> Any:
    """`_entities(representations:)`: in the order of the representations, null for a missing one."""
    representations = argument(
        "representations",
        list[Representation],
        f'At most {MAX_REPRESENTATIONS:,} objects such as {{__typename: "Order", id: "…"}}.',
    )
    field = batched(
        loaders.nodes_by_id,
        _plan,
        [representations],
        scope=None,
        scopes_of=_scopes_of,
        description="Entities by their keys, for a gateway. Requires the scope to read each type.",
        many=True,
        cost=_cost,
    )
    field.graphql_name = "_entities"
    return field


@cache
def subgraph_sdl(sdl: str) -> str:
    """A schema's SDL with the directives of Federation 2."""
    return f"{LINK}\n\n{print_ast(visit(parse(sdl), AddDirectives()))}\n"


class AddDirectives(Visitor):
    """Adds `@key` to entities, and `@shareable` to types that other subgraphs may define."""

    def enter_object_type_definition(self, node: ObjectTypeDefinitionNode, *_: Any) -> Any:
        name = node.name.value
        hidden = HIDDEN_FIELDS.get(name, ())
        fields = tuple(
            _with_directives(field, "@inaccessible @shareable") if field.name.value in hidden else field
            for field in node.fields or ()
        )
        return _with_directives(replace(node, fields=fields), _directives_of_type(name))


def _directives_of_type(name: str) -> str:
    if name in READ_SCOPES:
        return '@key(fields: "id")'
    return "@shareable" if name in SHAREABLE_TYPES else ""


def _with_directives(node: Any, directives: str) -> Any:
    definition: Any = parse(f"type T {directives}").definitions[0]
    return replace(node, directives=(*(node.directives or ()), *(definition.directives or ())))
