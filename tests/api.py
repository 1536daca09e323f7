"""A client of the application without a socket: a query in, its data or its errors out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import httpx2

from db.engine.database import Database
from graph.app import create_app
from graph.settings import Settings


@cache
def read(**settings: Any) -> Settings:
    """Settings as they are given; each set is read once, for that takes as long as a small query."""
    return Settings(_env_file=None, **settings)


class Api:
    """Sends GraphQL to an application."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client

    @classmethod
    @asynccontextmanager
    async def of(cls, database: Database, **settings: Any) -> AsyncIterator["Api"]:
        """Over a database that outlives it."""
        app = create_app(read(**settings), database)
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            yield cls(client)

    async def send(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer, as JSON."""
        body = {"query": query, "variables": variables}
        response = await self.client.post("/graphql", json=body)
        answer: dict[str, Any] = response.json()
        return answer

    async def data(self, query: str, **variables: Any) -> Any:
        """The data of an answer that has no errors."""
        answer = await self.send(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def code(self, query: str, **variables: Any) -> str:
        """The code of the one error that the answer has."""
        answer = await self.send(query, **variables)
        (error,) = answer["errors"]
        code: str = error["extensions"]["code"]
        return code
