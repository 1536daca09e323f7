"""Statements that are compiled once for all databases of a kind: every test has engines of its own."""

from typing import Any

from sqlalchemy.util import LRUCache

from db.engine.database import Database

# As an engine has them: the dialect first, and what else tells one statement from another.
Key = tuple[Any, ...]


class Compiled(LRUCache[Key, Any]):
    """A cache of compiled statements that takes the dialects of all engines of one kind for the same."""

    __slots__ = ()

    def get(self, key: Key, default: Any = None) -> Any:
        return super().get(_of_kind(key), default)

    def __setitem__(self, key: Key, value: Any) -> None:
        super().__setitem__(_of_kind(key), value)


def _of_kind(key: Key) -> Key:
    dialect, *rest = key
    return (type(dialect), *rest)


COMPILED = Compiled(2_000)


def share(database: Database) -> None:
    """Take what others compiled, and leave them what is compiled here."""
    for engine in (database.reads, database.writes):
        engine.sync_engine.update_execution_options(compiled_cache=COMPILED)
