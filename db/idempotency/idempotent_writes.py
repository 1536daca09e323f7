"""Idempotent writes: a change is stored exactly once for its idempotency key, and replayed after that.

The key row is the last insert of the change's transaction, so both are stored or neither. After an unknown
commit outcome the change is run again: it finds its own key row, and is replayed, or it is the only one. If
another error comes first, such as a username that it took itself, the key row still decides.
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
# Prefix of stored input hashes; those of the first version have none.
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
        """The hash of the input and the owner: results are replayed only under the same restriction."""
        return HASH_VERSION + self._with_owner(self.input_hash, 31)

    def matches(self, mutation: str, stored_hash: str) -> bool:
        """Whether a key row belongs to this change; understands hashes of the first version, too."""
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
    """The key row exists: this change, or another one with the same key, was committed."""


@dataclass
class IdempotentWrite:
    """Runs one change exactly once within the lifetime of its idempotency key."""

    database: Database
    key: IdempotencyKey
    request_id: str | None
    deadline: Deadline
    statistics: QueryStatistics
    attempts: Attempts
    _outcome_unknown: bool = field(init=False, default=False)
    _replaces_expired: bool = field(init=False, default=False)

    async def run(self, work: Work[Any]) -> Any:
        """The result of `work`, or the stored result. Raises what `Database.write` and `work` raise.

        Raises KeyReused, and OutcomeUnknown with the key if the deadline passes before the outcome is known.
        """
        return await self._run_or_replay(work, partial(self.database.write, **self._write_arguments))

    async def dry_run(self, work: Work[Any], stack: AsyncExitStack) -> tuple[Any, Reader]:
        """The result that `run` would have, and a Reader of the uncommitted rows until `stack` ends."""
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
        """The result of `work`, or the stored one. Raises a domain error of either."""
        while True:
            try:
                result = await self._attempt(work, attempt)
                break
            except domain_errors.KeyReused:
                raise
            except domain_errors.DomainError as refused:
                if not self.key.client_supplied and not self._outcome_unknown:
                    raise
                # A domain error is a result, too: it is stored with the key, unless a result exists.
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
            # The row may have belonged to the owner when the change was committed.
            if found := await self._stored_result():
                return found[0]
            raise
        except KeyRowExists:
            if found := await self._stored_result():
                return found[0]
        # The key row has expired.
        self._replaces_expired = True
        return await self._attempt(work, attempt)

    async def _pause(self, error: errors.DatabaseError) -> None:
        """Wait before the next attempt after an unknown outcome; raise the error in all other cases."""
        self._outcome_unknown |= isinstance(error, errors.OutcomeUnknown)
        # The database may stay unreachable for a while after a lost COMMIT.
        away = isinstance(error, errors.OutcomeUnknown | errors.Unavailable)
        if not (self._outcome_unknown and away):
            raise self._error_to_raise(error) from error
        try:
            await self.attempts.after(retry.UNKNOWN, error)
        except errors.OutcomeUnknown as spent:
            raise self._error_to_raise(spent) from error
        self.statistics.retried_for.append(retry.UNKNOWN.reason)

    def _error_to_raise(self, error: errors.DatabaseError) -> errors.DatabaseError:
        """After an unknown outcome, a later error does not mean that nothing was written."""
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
        """The stored result, which may be a domain error; None if the key has expired. Raises KeyReused."""
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
    """Delete expired keys periodically on SQLite; on TiDB the table's TTL does."""
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
    """Delete expired keys; returns how many."""

    async def work(transaction: Transaction) -> int:
        return (
            await transaction.execute(keys.delete().where(keys.c.expires_at <= changes.utc_now()))
        ).rowcount

    return await database.write(work)


async def _delete_periodically(database: Database) -> None:
    while True:
        await asyncio.sleep(CLEANUP_INTERVAL)
        # The next run deletes the same keys.
        with suppress(errors.DatabaseError):
            await delete_expired_keys(database)
