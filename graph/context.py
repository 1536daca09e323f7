"""What one request carries: its caller, its deadline and its reader."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast
from uuid import uuid4

from db import errors
from db.audit.author import Author
from db.domain_errors import DomainError
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.idempotency.idempotent_writes import IdempotencyKey, IdempotentWrite
from db.query_statistics import QueryStatistics
from db.reader import Reader, Transaction
from graph.auth.callers import ANONYMOUS, Caller

T = TypeVar("T")
Batch: TypeAlias = Callable[..., Awaitable[Sequence[Any]]]
# Finds what the database knows to be wrong with an input, and changes nothing.
Check: TypeAlias = Callable[[Transaction], Awaitable[list[DomainError]]]
Yield: TypeAlias = Callable[[], Awaitable[None]]

# Errors of the database's state and load, not of a statement.
UNAVAILABLE = (errors.Unavailable, errors.DeadlineExceeded, errors.Conflict, errors.OutcomeUnknown)


async def no_yield() -> None:
    """Yields to nobody: for requests outside of the fair scheduler."""


class MutationRequest(NamedTuple):
    """The options of a mutation: its name, input hash, idempotency key and dryRun.

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
    # Called before what may take the processor for long, to let others go first.
    yield_to_others: Yield = no_yield

    def __post_init__(self) -> None:
        self._attempts = self.database.attempts(self.deadline)
        self._dry_run = AsyncExitStack()
        self.reader = self._new_reader()

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
        if not request.dry_run:
            return cast(T, await once.run(run))
        outcome, self.reader = await once.dry_run(run, self._dry_run)
        return cast(T, outcome)

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
        await self._dry_run.aclose()
        self.reader = self._new_reader()

    def _new_reader(self) -> Reader:
        return self.database.reader(self.deadline, self.receipt, self.principal, self.caller.customer_id)

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
