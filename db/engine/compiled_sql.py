"""Compiled SQL: text for the driver with the names of its parameters, and LRU caches bounded by size."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

import cachetools
import sqlalchemy as sa

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")
Processor = Callable[[Any], Any]


class LRUCache(cachetools.LRUCache[KeyT, ValueT]):
    """A mapping of the entries used last, whose sizes add up to `maxsize` at most.

    An entry larger than a twentieth of it is not cached: it would displace too many others.
    """

    def __setitem__(self, key: KeyT, value: ValueT, *arguments: Any) -> None:
        if self.getsizeof(value) <= self.maxsize / 20:
            super().__setitem__(key, value, *arguments)

    def get(self, key: KeyT, default: Any = None) -> Any:
        """As a dict's; an entry that is there counts as used."""
        try:
            return self[key]
        except KeyError:
            return default

    def get_or_make(self, key: KeyT, make: Callable[[], ValueT]) -> ValueT:
        """The entry, made if it is not there."""
        found = self.get(key)
        if found is None:
            found = self[key] = make()
        value: ValueT = found
        return value


@dataclass(frozen=True, slots=True, eq=False)
class SQL:
    """A statement's text for the driver, and the parameter of each of its placeholders.

    `fixed` has the values that are part of the statement; `convert` turns other values into the driver's.
    """

    text: str
    names: tuple[str, ...]
    fixed: dict[str, Any]
    convert: dict[str, Processor]

    @property
    def size(self) -> int:
        """The memory that it takes, in characters."""
        return len(self.text) + 20 * len(self.names)

    def bind(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The driver's values by parameter, in which others can be set."""
        bound = dict(self.fixed)
        for name in dict.fromkeys(self.names):
            if name in values:
                convert = self.convert.get(name)
                bound[name] = convert(values[name]) if convert else values[name]
        return bound

    def row(self, bound: Mapping[str, Any]) -> list[Any]:
        """The values of its placeholders."""
        return [bound[name] for name in self.names]


def compile_select(statement: sa.Select[Any] | sa.CompoundSelect[Any], dialect: sa.Dialect) -> SQL:
    """The statement as SQL. No part of it holds on to the statement."""
    compiled: Any = statement.compile(dialect=dialect)
    binds = {name: compiled.binds[name] for name in compiled.positiontup}
    convert = {
        name: processor
        for name, bind in binds.items()
        if (processor := bind.type.dialect_impl(dialect).bind_processor(dialect))
    }
    fixed = {
        name: convert[name](bind.value) if name in convert else bind.value
        for name, bind in binds.items()
        if not bind.required
    }
    return SQL(str(compiled), tuple(compiled.positiontup), fixed, convert)


def result_processors(
    columns: Iterable[sa.Column[Any]], dialect: sa.Dialect
) -> tuple[tuple[int, Processor], ...]:
    """By their places, what turns the driver's values of some columns into Python's."""
    found = ((place, column.type.dialect_impl(dialect)) for place, column in enumerate(columns))
    made = ((place, type_.result_processor(dialect, None)) for place, type_ in found)
    return tuple((place, processor) for place, processor in made if processor)


@dataclass(frozen=True, slots=True)
class BoundStatement:
    """SQL with the driver's values, sent as it is: SQLAlchemy neither compiles nor caches it.

    `owner` is the customer whose rows alone it reads.
    """

    text: str
    values: tuple[Any, ...]
    processors: tuple[tuple[int, Processor], ...] = ()
    owner: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def execution_options(self, **options: Any) -> Self:
        """With more options, as of SQLAlchemy's own statements."""
        return replace(self, options={**self.options, **options})

    def get_execution_options(self) -> Mapping[str, Any]:
        return self.options

    def rows(self, found: Sequence[Any]) -> Sequence[Any]:
        """The rows with Python's values."""
        if not self.processors:
            return found
        rows = []
        for row in map(list, found):
            for place, processor in self.processors:
                row[place] = processor(row[place])
            rows.append(row)
        return rows


def statement_cache() -> LRUCache[Any, Any]:
    """SQLAlchemy's compiled-statement cache, for the other statements; entries keep their values."""
    return LRUCache(4_000_000, _size)


def _size(compiled: Any) -> int:
    # The objects around it take about as much as a text of 5,000 characters.
    return 5_000 + len(str(compiled)) + length([bind.value for bind in compiled.binds.values()])


def length(value: Any) -> int:
    """About how many characters a value takes as text."""
    if isinstance(value, tuple | list):
        return sum(map(length, value))
    return len(value) if isinstance(value, str | bytes) else 20
