"""Fields are data: a column, a computed value or a batch, each declared on one line and readable.

`declaration(field)` gives the Column, Computed or Batched of any field, so that an executor other than
graphql-core can call a batch function once for all parents of a level.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from graph.auth.scopes import Scope
from graph.context import Batch
from graph.read_timestamps import ReadTimestamp
from graph.types.field_costs import ONE, CostRule, FieldCost
from graph.types.requires_scope import ScopesOf, scope_directives

KEY = "tidegraph"
# Where Strawberry keeps its field in the extensions of graphql-core's.
DEFINITION = "strawberry-definition"


@dataclass(frozen=True, slots=True)
class Column:
    """The row's attribute as it is; a list of about so many `items`, or a value that is as large.

    A `scope` is needed in addition to that of the object.
    """

    items: int = 1
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Computed:
    """A pure function of the row, and the columns that it reads; a list of about so many `items`."""

    of: Callable[[Any], Any]
    columns: tuple[str, ...]
    items: int = 1


class Load(NamedTuple):
    """One call of a batch function's share: its key, and the arguments that the whole batch has.

    `timestamp` holds for the field and for all that is below it.
    """

    key: Any
    arguments: tuple[Hashable, ...] = ()
    timestamp: ReadTimestamp | None = None


@dataclass(frozen=True, slots=True)
class Batched:
    """A relation, connection or root field: its batch function, and how a field's call becomes a Load.

    `plan(parent_row, arguments)` raises BadUserInput or InvalidCursor. With `many` the key of its Load is a
    list of keys, and the field's value the list of what they find. Its `cost` is for `execution/cost.py`.
    `id_only_row` makes a row of the key, for selections of nothing but the ID. `columns` are
    those of the parent's row that `plan` reads. A connection says by `rows` which type its rows are, and its
    batch function gets the columns that the operation reads of them as one more argument. A caller needs the
    `scope`, and those that `scopes_of` the arguments; without both the field hangs on one that has its own.
    """

    batch: Batch
    plan: Callable[[Any, Mapping[str, Any]], Load]
    many: bool = False
    cost: CostRule | None = None
    id_only_row: Callable[[Any], Any] | None = None
    columns: tuple[str, ...] = ()
    rows: str | None = None
    scope: Scope | None = None
    scopes_of: ScopesOf | None = None


@dataclass(frozen=True, slots=True)
class Mutating:
    """A mutation: `resolver(context, name, **arguments)` makes its Answer; a caller needs the scope."""

    resolver: Callable[..., Awaitable[Any]]
    scope: Scope


Declaration = Column | Computed | Batched | Mutating


class DeclaredField(StrawberryField):
    """A field that does what its declaration says, with no resolver of its own."""

    @property
    def is_basic_field(self) -> bool:
        return not isinstance(declaration(self), Batched | Mutating)

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:
        """A column or computed value, for graphql-core; the executor reads all others."""
        match declaration(self):
            case Computed(of=of):
                return of(source)
            case Column():
                return getattr(source, self.python_name)
        raise TypeError(f"{self.python_name} is not read from a row")


def declaration(field: StrawberryField) -> Declaration:
    """What a field was declared to be; a plain Strawberry field is a column."""
    declared: Declaration = field.metadata.get(KEY, COLUMN)
    return declared


COLUMN = Column()


def column(description: str, *, items: int = 1, scope: Scope | None = None) -> Any:
    """The row's attribute of the field's own name; its cost is that of so many `items`."""
    return _field(Column(items, scope), description, scope=scope)


def computed(of: Callable[[Any], Any], *columns: str, description: str, items: int = 1) -> Any:
    """What the pure function `of` makes of the row; `columns` are those that it reads."""
    return _field(Computed(of, columns, items), description)


def relation(
    batch: Batch,
    *,
    key: str,
    scope: Scope,
    description: str,
    cost: FieldCost = ONE,
    id_only_row: Callable[[Any], Any] | None = None,
) -> Any:
    """What `batch` finds for the parent's column `key`.

    With an `id_only_row` the key is the row's ID and a foreign key: selecting the ID alone reads nothing.
    """

    def plan(parent: Any, _arguments: Mapping[str, Any]) -> Load:
        return Load(getattr(parent, key))

    declared = Batched(batch, plan, cost=cost, id_only_row=id_only_row, columns=(key,), scope=scope)
    return _field(declared, description, scope=scope)


def batched(
    batch: Batch,
    plan: Callable[[Any, Mapping[str, Any]], Load],
    arguments: Sequence[StrawberryArgument],
    *,
    scope: Scope | None,
    description: str,
    many: bool = False,
    cost: CostRule | None = None,
    columns: tuple[str, ...] = (),
    rows: str | None = None,
    scopes_of: ScopesOf | None = None,
) -> Any:
    """A field with arguments; `plan` decodes them, and `cost` gets what `plan` gets."""
    declared = Batched(batch, plan, many, cost, columns=columns, rows=rows, scope=scope, scopes_of=scopes_of)
    return _field(declared, description, arguments, scope)


def mutating(
    resolver: Callable[..., Awaitable[Any]],
    arguments: Sequence[StrawberryArgument],
    *,
    scope: Scope,
    description: str,
) -> Any:
    """A mutation's field; `resolver(context, name, **arguments)` gives what its payload is read from."""
    return _field(Mutating(resolver, scope), description, arguments, scope)


def argument(
    name: str, annotation: Any, description: str, *, default: object = strawberry.UNSET
) -> StrawberryArgument:
    """An argument in snake_case; `plan`'s mapping lacks it where the query does and it has no default."""
    return StrawberryArgument(
        python_name=name,
        graphql_name=None,
        type_annotation=StrawberryAnnotation(annotation),
        description=description,
        default=default,
    )


def _field(
    declared: Declaration,
    description: str,
    arguments: Sequence[StrawberryArgument] = (),
    scope: Scope | None = None,
) -> Any:
    directives = scope_directives(scope)
    field = DeclaredField(description=description, metadata={KEY: declared}, directives=directives)
    if arguments:
        field.arguments = list(arguments)
    return field
