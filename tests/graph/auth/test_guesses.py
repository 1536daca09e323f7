"""Guessed keys: each costs a look-up, and all of them together leave connections for those who are known."""

import asyncio

import sqlalchemy as sa

from db.engine.database import Database
from db.engine.deadline import Deadline
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from graph.auth.api_keys import ApiKeyVerifier, new_secret


async def test_guesses_leave_a_fifth_of_the_pool(database_url: str) -> None:
    """However many come at once; each is answered."""
    held: list[int] = []
    async with Database(DatabaseUrl.parse(database_url), Limits(pool_size=5, pool_timeout=20)) as database:
        pool = database.reads.pool
        sa.event.listen(
            database.reads.sync_engine,
            "before_cursor_execute",
            lambda *_: held.append(pool.checkedout()),  # type: ignore[attr-defined]
        )
        keys = ApiKeyVerifier(database)
        guesses = [keys.caller(new_secret(), Deadline.none()) for _ in range(50)]
        answers = await asyncio.gather(*guesses, return_exceptions=True)

    assert ["Unauthenticated"] * 50 == [type(answer).__name__ for answer in answers]
    assert (50, 4) == (len(held), max(held))
