"""The large shop, and an application over it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from tests.api import Api
from tests.plans import shop
from tests.plans.explain import Explain
from tests.shared_tidb import SharedTidb


@pytest.fixture(scope="session")
def large_shop(tidb: SharedTidb, testrun_uid: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the large shop, which all processes of the session share."""
    name = f"large_shop_{testrun_uid[:12]}"
    with shop.shared(tidb, name, tmp_path_factory.getbasetemp().parent / name) as url:
        yield url


@pytest.fixture
async def large(large_shop: str) -> AsyncIterator[Database]:
    async with Database(DatabaseUrl.parse(large_shop)) as database:
        yield database


@pytest.fixture
async def large_api(large: Database) -> AsyncIterator[Api]:
    async with Api.of(large) as api:
        yield api


@pytest.fixture
def explain(large: Database) -> Iterator[Explain]:
    """The plans of what `large_api` is asked."""
    with Explain(large) as explain:
        yield explain
