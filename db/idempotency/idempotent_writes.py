"""Exactly once: a change is stored together with its key, and a key that is there already gives the outcome.

The key's row is the transaction's last insert. So a change and its key are there both or neither, also when
nobody heard whether COMMIT was carried out: the change is then run again, and either meets its own key or
is the only one. If it meets something else first, such as the handle that it took itself, the key decides.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from db import domain_errors, errors
from db.audit import changes
from db.audit.author import Author
from db.engine import retry
from db.engine.database import Database, Work
from db.engine.deadline import Deadline
from db.engine.retry import Attempts
from db.idempotency import stored_results
from db.models import idempotency_keys as keys
from db.query_statistics import QueryStatistics
from db.reader import Reader, Transaction

CLEANUP_INTERVAL = 3600.0
# Before a stored hash of an input; the first version had no prefix.
HASH_VERSION = "2:"
Attempt = Callable[[Work[Any]], Awaitable[Any]]


class IdempotencyKey(NamedTuple):
    """A caller's idempotency key, with the mutation and the hash of the input it stands for.

    Without a key from the client (`client_supplied`) the server generates one. `owner` restricts the write
    to one customer's rows. `legacy_hash` computes the input's hash as the first version stored it; None if
    no such row can exist.
    """

    principal: str
    text: str
    mutation: str
    input_hash: str
    lifetime: timedelta
    client_supplied: bool = True
    owner: int | None = None
    legacy_hash: Callable[[], str] | None = None

    @property
    def stored_hash(self) -> str:
        """Of the input, and of whose rows it may touch: an outcome shows them to whoever may see them."""
        return HASH_VERSION + self._with_owner(self.input_hash, 31)

    def matches(self, mutation: str, stored_hash: str) -> bool:
        """Whether a row under this key is of this change; rows of the first version match, too."""
        if stored_hash.startswith(HASH_VERSION):
            expected = self.stored_hash
        else:
            expected = self._with_owner(self.legacy_hash(), 32) if self.legacy_hash else ""
        return (mutation, stored_hash) == (self.mutation, expected)

    def _with_owner(self, input_hash: str, size: int) -> str:
        if self.owner is None:
            return input_hash
        return hashlib.blake2b(f"{self.owner} {input_hash}".encode(), digest_size=size).hexdigest()


class KeyRowExists(Exception):
    """The key's row is there: its change, or another one, has been carried out."""


@dataclass
class IdempotentWrite:
    """Carries out one change exactly once, for as long as its key lives."""

    database: Database
    key: IdempotencyKey
    request_id: str | None
    deadline: Deadline
    statistics: QueryStatistics
    attempts: Attempts
    _outcome_unknown: bool = field(init=False, default=False)
    _replaces_expired: bool = field(init=False, default=False)

    async def run(self, work: Work[Any]) -> Any:
        """What `work` returned, this time or the first time. Raises what `Database.write` and `work` raise.

        Raises KeyReused; OutcomeUnknown, with the key, only if that could not be found out in time.
        """
        return await self._run_or_replay(work, partial(self.database.write, **self._write_arguments))

    async def dry_run(self, work: Work[Any], stack: AsyncExitStack) -> tuple[Any, Reader]:
        """What `run` would give, and a Reader of what would be, until `stack` ends; nothing is stored."""
        reader = self._reader()

        async def dry_run(with_key_row: Work[Any]) -> Any:
            nonlocal reader
            result, reader = await stack.enter_async_context(
                self.database.dry_run(with_key_row, **self._write_arguments)
            )
            return result

        return await self._run_or_replay(work, dry_run), reader

    @property
    def _write_arguments(self) -> dict[str, Any]:
        author = Author(self.key.principal, self.request_id, self.key.text, self.key.owner)
        shared = {"deadline": self.deadline, "statistics": self.statistics, "attempts": self.attempts}
        return {**shared, "author": author}

    def _reader(self) -> Reader:
        return self.database.reader(self.deadline, self.statistics, self.key.principal, self.key.owner)

    async def _run_or_replay(self, work: Work[Any], attempt: Attempt) -> Any:
        """The outcome of `work` or of its key, whichever there is. Raises a refusal of either."""
        while True:
            try:
                result = await self._attempt(work, attempt)
                break
            except domain_errors.KeyReused:
                raise
            except domain_errors.DomainError as refused:
                if not self.key.client_supplied and not self._outcome_unknown:
                    raise
                # It is kept under the key, unless an outcome is there already.
                work = partial(_return, refused)
            except errors.DatabaseError as error:
                await self._pause(error)
        if isinstance(result, domain_errors.DomainError):
            raise result
        return result

    async def _attempt(self, work: Work[Any], attempt: Attempt) -> Any:
        try:
            return await attempt(self._with_key_row(work))
        except errors.RowLevelSecurityViolation:
            # It may have been the owner's when this was carried out.
            if found := await self._stored_result():
                return found[0]
            raise
        except KeyRowExists:
            if found := await self._stored_result():
                return found[0]
        # What is there has expired.
        self._replaces_expired = True
        return await self._attempt(work, attempt)

    async def _pause(self, error: errors.DatabaseError) -> None:
        """Return when it is time to ask what became of a COMMIT; raises what is told if that is not open."""
        self._outcome_unknown |= isinstance(error, errors.OutcomeUnknown)
        # Whoever kept the answer back may be away for a while.
        away = isinstance(error, errors.OutcomeUnknown | errors.Unavailable)
        if not (self._outcome_unknown and away):
            raise self._error_to_raise(error) from error
        try:
            await self.attempts.after(retry.UNKNOWN, error)
        except errors.OutcomeUnknown as spent:
            raise self._error_to_raise(spent) from error
        self.statistics.retried_for.append(retry.UNKNOWN.reason)

    def _error_to_raise(self, error: errors.DatabaseError) -> errors.DatabaseError:
        """After an unknown outcome no later error says that nothing was written."""
        return errors.OutcomeUnknown(str(error), self.key.text) if self._outcome_unknown else error

    def _with_key_row(self, work: Work[Any]) -> Work[Any]:
        async def with_key_row(transaction: Transaction) -> Any:
            if self._replaces_expired:
                expired = keys.c.expires_at <= changes.utc_now()
                await transaction.execute(keys.delete().where(*self._is_key_row, expired))
            result = await work(transaction)
            await self._insert(transaction, result)
            return result

        return with_key_row

    async def _stored_result(self) -> tuple[Any] | None:
        """The outcome under the key, which may be a refusal; None if it has expired. Raises KeyReused."""
        columns = keys.c.mutation, keys.c.input_hash, keys.c.outcome
        statement = sa.select(*columns).where(*self._is_key_row, keys.c.expires_at > changes.utc_now())
        reader = self._reader()
        rows = await reader.fetch(statement)
        if not rows:
            return None
        mutation, input_hash, text = rows[0]
        if not self.key.matches(mutation, input_hash):
            raise domain_errors.KeyReused(self.key.text, mutation)
        return (await stored_results.replay(reader, text),)

    async def _insert(self, transaction: Transaction, result: Any) -> None:
        moment = changes.utc_now()
        row = {
            "principal": self.key.principal,
            "idempotency_key": self.key.text,
            "mutation": self.key.mutation,
            "input_hash": self.key.stored_hash,
            "outcome": stored_results.encode(result),
            "created_at": moment,
            "expires_at": moment + self.key.lifetime,
        }
        try:
            await transaction.execute(keys.insert().values(row))
        except errors.DuplicateKey as error:
            raise KeyRowExists from error

    @property
    def _is_key_row(self) -> tuple[sa.ColumnElement[bool], ...]:
        return keys.c.principal == self.key.principal, keys.c.idempotency_key == self.key.text


async def _return(result: Any, _transaction: Transaction) -> Any:
    return result


@asynccontextmanager
async def periodic_key_cleanup(database: Database) -> AsyncIterator[None]:
    """While it lasts, expired keys are deleted on SQLite now and then; TiDB does so by itself."""
    if not database.url.is_sqlite:
        yield
        return
    sweeping = asyncio.create_task(_delete_periodically(database))
    try:
        yield
    finally:
        sweeping.cancel()
        await asyncio.wait([sweeping])


async def delete_expired_keys(database: Database) -> int:
    """Delete the keys that have expired; how many they were."""

    async def work(transaction: Transaction) -> int:
        return (
            await transaction.execute(keys.delete().where(keys.c.expires_at <= changes.utc_now()))
        ).rowcount

    return await database.write(work)


async def _delete_periodically(database: Database) -> None:
    while True:
        await asyncio.sleep(CLEANUP_INTERVAL)
        # The next one makes up for it.
        with suppress(errors.DatabaseError):
            await delete_expired_keys(database)
