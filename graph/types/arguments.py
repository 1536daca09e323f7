"""A field's arguments, read once for all objects that it is a field of."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from strawberry.schema import BaseSchema
from strawberry.types import arguments as strawberry
from strawberry.types.arguments import StrawberryArgument

T = TypeVar("T")
# The argument that holds a filter.
WHERE = "where"


def convert_arguments(
    sent: Mapping[str, Any], known: Iterable[StrawberryArgument], schema: BaseSchema
) -> dict[str, Any]:
    """As Strawberry does, but a filter stays the mapping that graphql-core makes of it.

    It may have hundreds of objects, and Strawberry looks at every field that each of them could have.
    """
    others = {name: value for name, value in sent.items() if name != WHERE}
    core: Any = schema
    registry = core.schema_converter.scalar_registry
    converted = strawberry.convert_arguments(
        others, list(known), scalar_registry=registry, config=schema.config
    )
    return {**converted, WHERE: sent[WHERE]} if WHERE in sent else converted


class Remembered:
    """What functions gave the first time, or raised."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Any, Exception | None]] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gave for this key. Raises what it raised."""
        if key not in self._known:
            try:
                self._known[key] = make(), None
            except Exception as error:
                self._known[key] = None, error
        value, raised = self._known[key]
        if raised is not None:
            raise raised.with_traceback(None)
        found: T = value
        return found


class Arguments(dict[str, Any]):
    """Arguments in snake_case, as a field's plan gets them; what `once` makes of them is kept beside them."""

    def __init__(self, sent: Mapping[str, Any]) -> None:
        super().__init__(sent)
        self.remembered = Remembered()


def once(make: Callable[[Mapping[str, Any]], T], sent: Mapping[str, Any]) -> T:
    """`make(sent)`: called once per Arguments, not per object: a large filter takes long."""
    return sent.remembered.get(make, partial(make, sent)) if isinstance(sent, Arguments) else make(sent)
