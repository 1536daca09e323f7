"""What every field of a request is given."""

from db.engine.database import Database
from db.engine.deadline import Deadline
from graph.context import Context
from tests.conftest import on_sqlite


@on_sqlite
async def test_nobody_is_known_yet(database: Database) -> None:
    """There is no authentication: every request is anonymous's."""
    assert "anonymous" == Context(database, Deadline.none()).principal
