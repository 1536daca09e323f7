"""The context of a request: its caller, and checks that only add to errors of the input."""

import pytest

from db import errors
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.reader import Transaction
from graph.context import Context
from tests.conftest import on_sqlite

UNAVAILABLE = [
    errors.Unavailable("down"),
    errors.PoolExhausted("busy"),
    errors.DeadlineExceeded("late"),
    errors.Conflict("locked"),
]


@on_sqlite
async def test_callers_are_anonymous_without_authentication(database: Database) -> None:
    """So is the principal of their changes."""
    assert "anonymous" == Context(database, Deadline.none()).principal


@on_sqlite
@pytest.mark.parametrize("error", UNAVAILABLE, ids=lambda error: type(error).__name__)
async def test_a_check_finds_nothing_without_the_database(database: Database, error: Exception) -> None:
    """The errors of the input are reported all the same."""

    async def check(_transaction: Transaction) -> list[str]:
        raise error

    assert [] == await Context(database, Deadline.none()).check(check)


@on_sqlite
async def test_a_bug_in_a_check_is_not_hidden(database: Database) -> None:
    """A statement that the database rejects fails the request."""

    async def check(_transaction: Transaction) -> list[str]:
        raise errors.StatementFailed("no such column")

    with pytest.raises(errors.StatementFailed):
        await Context(database, Deadline.none()).check(check)
