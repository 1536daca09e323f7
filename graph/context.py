"""What one request carries: who asks, until when, its reader and its loaders."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias, TypeVar

import strawberry
from strawberry.dataloader import DataLoader

from db.database import Database
from db.deadline import Deadline
from db.reader import Reader, Transaction
from db.receipt import Receipt
from graph.times import Place, Times

T = TypeVar("T")
Batch: TypeAlias = Callable[..., Awaitable[Sequence[Any]]]
Loader: TypeAlias = DataLoader[Any, Any]

# A full page for each parent of a full page is one statement. TiDB still reads by key at this length,
# and SQLite takes 32,766 parameters.
LARGEST_BATCH = 10_000


class Loaders:
    """The DataLoaders of one request: one for each field of each level, so that a level is one batch.

    Fields of the same parents with the same arguments share one, whatever their aliases. Others do not,
    although their keys may meet: what one of them had already would run ahead of the other's level, and
    the batches below would fall apart by chance.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._by_place: dict[Hashable, Loader] = {}
        self._by_parents: dict[Hashable, Loader] = {}
        self._parents: dict[Place, Loader] = {}

    def load(
        self,
        place: Place,
        batch: Batch,
        key: Any,
        arguments: tuple[Hashable, ...] = (),
        moment: datetime | None = None,
    ) -> Awaitable[Any]:
        """What `batch` finds for `key` as of `moment`, asked together with all other keys of `place`.

        Raises AsOfUnavailable at once where there is no past.
        """
        known = (place, batch, arguments, moment)
        loader = self._by_place.get(known)
        if loader is None:
            loader = self._at(place, batch, arguments, moment)
            self._by_place[known] = self._parents[place] = loader
        # graphql-core cancels the siblings of a field that fails, and others may wait for the same key.
        return asyncio.shield(loader.load(key))

    def _at(
        self, place: Place, batch: Batch, arguments: tuple[Hashable, ...], moment: datetime | None
    ) -> Loader:
        above = (self._parents.get(place[:length]) for length in range(len(place) - 1, 0, -1))
        shared = (next(filter(None, above), None), batch, arguments, moment)
        if shared not in self._by_parents:
            reader = self._reader if moment is None else self._reader.at(moment)
            load = partial(_load, batch, reader, arguments)
            self._by_parents[shared] = DataLoader(load, max_batch_size=LARGEST_BATCH)
        return self._by_parents[shared]

    def clear(self) -> None:
        """Forget everything: a mutation has changed what was read before it."""
        for known in (self._by_place, self._by_parents, self._parents):
            known.clear()


async def _load(
    batch: Batch, reader: Reader, arguments: tuple[Hashable, ...], keys: list[Any]
) -> Sequence[Any]:
    return await batch(reader, keys, *arguments)


@dataclass
class Context:
    """The context of one GraphQL request."""

    database: Database
    deadline: Deadline
    principal: str = "anonymous"
    receipt: Receipt = field(default_factory=Receipt)
    reader: Reader = field(init=False)
    loaders: Loaders = field(init=False)
    identities: dict[tuple[int, ...], bool] = field(default_factory=dict)
    times: Times = field(init=False, default_factory=Times)

    def __post_init__(self) -> None:
        self.reader = self.database.reader(self.deadline, self.receipt)
        self.loaders = Loaders(self.reader)

    async def write(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """`work(transaction, *arguments)` in one transaction, which may run more than once."""

        async def run(transaction: Transaction) -> T:
            return await work(transaction, *arguments)

        try:
            return await self.database.write(run, self.deadline, self.receipt)
        finally:
            self.loaders.clear()


Info: TypeAlias = strawberry.Info[Context, None]
