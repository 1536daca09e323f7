"""What one request carries: who asks, until when, its reader and its loaders."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast
from uuid import uuid4

import strawberry
from strawberry.dataloader import DataLoader

from db import errors
from db.audit.author import Author
from db.domain_errors import DomainError
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.idempotency.idempotent_writes import IdempotencyKey, IdempotentWrite
from db.query_statistics import QueryStatistics
from db.reader import Reader, Transaction
from graph.auth.callers import ANONYMOUS, Caller
from graph.read_timestamps import ReadTimestamps, ResponsePath

T = TypeVar("T")
Batch: TypeAlias = Callable[..., Awaitable[Sequence[Any]]]
# Finds what the database knows to be wrong with an input, and changes nothing.
Check: TypeAlias = Callable[[Transaction], Awaitable[list[DomainError]]]
Yield: TypeAlias = Callable[[], Awaitable[None]]
Loader: TypeAlias = DataLoader[Any, Any]

# Errors of the database's state and load, not of a statement.
UNAVAILABLE = (errors.Unavailable, errors.DeadlineExceeded, errors.Conflict, errors.OutcomeUnknown)
# A full page for each parent of a full page is one statement. TiDB still reads by key at this length,
# and SQLite takes 32,766 parameters.
LARGEST_BATCH = 10_000


async def no_yield() -> None:
    """The step of whoever shares the processor with nobody."""


class Loaders:
    """The DataLoaders of one request: one for each field of each level, so that a level is one batch.

    Fields of the same parents with the same arguments share one, whatever their aliases. Others do not,
    although their keys may meet: what one of them had already would run ahead of the other's level, and
    the batches below would fall apart by chance.
    """

    def __init__(self, reader: Reader, yield_to_others: Yield) -> None:
        self._reader, self._yield = reader, yield_to_others
        self._by_place: dict[Hashable, Loader] = {}
        self._by_parents: dict[Hashable, Loader] = {}
        self._parents: dict[ResponsePath, Loader] = {}
        self._running: set[asyncio.Task[Any] | None] = set()
        # What fields wait for, and the loader's future behind each.
        self._waiting: dict[asyncio.Future[Any], asyncio.Future[Any]] = {}
        self._closed = False

    def load(
        self,
        place: ResponsePath,
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
        loading = asyncio.ensure_future(loader.load(key))
        found = asyncio.shield(loading)
        self._waiting[found] = loading
        found.add_done_callback(self._done)
        return found

    def _at(
        self, place: ResponsePath, batch: Batch, arguments: tuple[Hashable, ...], moment: datetime | None
    ) -> Loader:
        above = (self._parents.get(place[:length]) for length in range(len(place) - 1, 0, -1))
        shared = (next(filter(None, above), None), batch, arguments, moment)
        if shared not in self._by_parents:
            reader = self._reader if moment is None else self._reader.at(moment)
            load = partial(self._load, batch, reader, arguments)
            self._by_parents[shared] = DataLoader(load, max_batch_size=LARGEST_BATCH)
        return self._by_parents[shared]

    def clear(self) -> None:
        """Forget everything: a mutation has changed what was read before it."""
        for known in (self._by_place, self._by_parents, self._parents):
            known.clear()

    def close(self) -> None:
        """Stop the batches that still run, and begin no more: the request is over."""
        self._closed = True
        for task in filter(None, self._running):
            task.cancel()
        for found in list(self._waiting):
            found.cancel()
        # A loader refers to this object: without the cycle its rows are freed at once.
        self.clear()

    def _done(self, found: asyncio.Future[Any]) -> None:
        """Retrieve an error: a sibling that was cancelled does not, and asyncio would log it."""
        # Two fields wait for the same future where it was done when they asked.
        loading = self._waiting.pop(found, found)
        if found.cancelled():
            loading.add_done_callback(_retrieve)
        else:
            _retrieve(found)

    async def _load(
        self, batch: Batch, reader: Reader, arguments: tuple[Hashable, ...], keys: list[Any]
    ) -> Sequence[Any]:
        if self._closed:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        self._running.add(task)
        try:
            await self._yield()
            return await batch(reader, keys, *arguments)
        finally:
            self._running.discard(task)


def _retrieve(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()


class MutationRequest(NamedTuple):
    """How a mutation is asked for: its name, a hash of its input, the client's key, if it is to last.

    `legacy_hash` gives the first version of that hash, which older rows have.
    """

    mutation: str
    input_hash: str
    key: str | None = None
    dry_run: bool = False
    legacy_hash: Callable[[], str] | None = None


@dataclass
class Context:
    """The context of one GraphQL request."""

    database: Database
    deadline: Deadline
    caller: Caller = ANONYMOUS
    request_id: str = field(default_factory=lambda: uuid4().hex)
    receipt: QueryStatistics = field(default_factory=QueryStatistics)
    reader: Reader = field(init=False)
    loaders: Loaders = field(init=False)
    # Called before what may take the processor for long, to let others go first.
    yield_to_others: Yield = no_yield
    identities: dict[tuple[int, ...], bool] = field(default_factory=dict)
    read_timestamps: ReadTimestamps = field(init=False, default_factory=ReadTimestamps)
    # Which columns the operation reads of a connection's rows; None for all.
    columns: Callable[[Any], frozenset[str] | None] = field(default=lambda _batched: None)

    def __post_init__(self) -> None:
        self._attempts = self.database.attempts(self.deadline)
        self._dry_run = AsyncExitStack()
        self._read_from(self._new_reader())

    async def write(self, request: MutationRequest, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """`work(transaction, *arguments)` in one transaction, which may run more than once and lasts once.

        A dry run does not last: its transaction is what the mutation's payload is read from, and is then
        rolled back. Raises what `IdempotentWrite.run` does.
        """

        async def run(transaction: Transaction) -> T:
            return await work(transaction, *arguments)

        once = IdempotentWrite(
            self.database, self._key(request), self.request_id, self.deadline, self.receipt, self._attempts
        )
        try:
            if not request.dry_run:
                return cast(T, await once.run(run))
            outcome, reader = await once.dry_run(run, self._dry_run)
            self._read_from(reader)
            return cast(T, outcome)
        finally:
            self.loaders.clear()

    async def check(self, check: Callable[[Transaction], Awaitable[list[T]]]) -> list[T]:
        """The errors that `check` finds; it writes nothing.

        Empty while the database is unavailable, because they only add to the errors of the input.
        """
        author = Author(self.principal, self.request_id, owner=self.caller.customer_id)
        try:
            return await self.database.write(
                check, self.deadline, self.receipt, author=author, attempts=self._attempts
            )
        except UNAVAILABLE:
            return []

    async def end_dry_run(self) -> None:
        """Roll back what a dry run did; everything after it is read from the database again."""
        self.loaders.close()
        await self._dry_run.aclose()
        self._read_from(self._new_reader())

    def _new_reader(self) -> Reader:
        return self.database.reader(self.deadline, self.receipt, self.principal, self.caller.customer_id)

    def _read_from(self, reader: Reader) -> None:
        self.reader = reader
        self.loaders = Loaders(reader, self.yield_to_others)

    @property
    def principal(self) -> str:
        """Whom changes and idempotency keys belong to."""
        return self.caller.principal

    def _key(self, request: MutationRequest) -> IdempotencyKey:
        lifetime = timedelta(seconds=self.database.limits.key_lifetime)
        text = request.key or uuid4().hex
        return IdempotencyKey(
            self.principal,
            text,
            request.mutation,
            request.input_hash,
            lifetime,
            client_supplied=bool(request.key),
            owner=self.caller.customer_id,
            legacy_hash=request.legacy_hash,
        )


class Write(NamedTuple):
    """What a mutation's resolver writes with: `Context.write` with the options of the mutation's input."""

    context: Context
    request: MutationRequest

    async def __call__(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        return await self.context.write(self.request, work, *arguments)


Info: TypeAlias = strawberry.Info[Context, None]
