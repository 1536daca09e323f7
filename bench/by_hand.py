"""The bar: Starlette, the driver and orjson, each query written by hand, with no GraphQL at all."""

import importlib
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import orjson
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.meter import Meter
from bench.queries import CREATE, LIST, NESTED, POINT, UPSERT
from bench.writes_by_hand import Writing
from db.money import as_text
from graph.global_ids import GlobalId

CUSTOMERS = (
    "SELECT id, username, name FROM customers WHERE archived_at IS NULL"
    " ORDER BY created_at DESC, id DESC LIMIT 21"
)
ORDERS_OF = """
    SELECT customer_id, id, status, placed_at, total, currency FROM (
        SELECT customer_id, id, status, placed_at, total, currency,
               ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY placed_at DESC, id DESC) AS place
        FROM orders USE INDEX (ix_orders_customer_id_placed_at) WHERE customer_id IN (%s)
    ) ranked WHERE place <= 6 ORDER BY customer_id, place
"""
ORDER = (
    "SELECT o.id, o.status, o.total, o.currency, c.id, c.username, c.name"
    " FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = %s"
)
ORDERS = "SELECT id, reference, status, placed_at FROM orders ORDER BY placed_at DESC, id DESC LIMIT 101"


class ByHand:
    """Five endpoints in one: the request's text says which operation it is."""

    def __init__(self, url: str, meter: Meter) -> None:
        self._url = sa.make_url(url)
        self._driver = importlib.import_module(self._url.get_driver_name())
        self._meter = meter
        self._reads: Any = None
        self._writes: Any = None

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> Any:
        self._reads, self._writes = [await self._connect(autocommit) for autocommit in (True, False)]
        yield
        for pool in (self._reads, self._writes):
            pool.close()
            await pool.wait_closed()

    async def _connect(self, autocommit: bool) -> Any:
        return await self._driver.create_pool(
            host=self._url.host,
            port=self._url.port,
            user=self._url.username,
            db=self._url.database,
            autocommit=autocommit,
            minsize=1,
            maxsize=10,
        )

    async def _fetch(self, statement: str, *parameters: Any) -> Any:
        async with self._reads.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(statement, parameters)
            rows = await cursor.fetchall()
        self._meter.count(len(rows))
        return rows

    async def graphql(self, request: Request) -> Response:
        sent = orjson.loads(await request.body())
        match sent["query"]:
            case query if query == NESTED:
                data = await self._nested()
            case query if query == LIST:
                data = await self._list()
            case query if query == POINT:
                data = await self._point(sent["variables"]["id"])
            case query:
                data = await self._write(query, sent["variables"]["input"])
        return Response(orjson.dumps({"data": data}), media_type="application/json")

    async def _write(self, mutation: str, sent: Any) -> Any:
        work = {CREATE: Writing.create, UPSERT: Writing.upsert}[mutation]
        async with self._writes.acquire() as connection, connection.cursor() as cursor:
            data = await work(Writing(cursor, self._meter, uuid4().hex), sent)
            await connection.commit()
        return data

    async def _nested(self) -> Any:
        customers = (await self._fetch(CUSTOMERS))[:20]
        orders: dict[int, list[Any]] = {row[0]: [] for row in customers}
        statement = ORDERS_OF % ", ".join(["%s"] * len(orders))
        for owner, row_id, status, placed, total, currency in await self._fetch(statement, *orders):
            if len(orders[owner]) < 5:
                orders[owner].append(
                    {
                        "id": GlobalId("Order", row_id).encode(),
                        "status": status,
                        "placedAt": shown(placed),
                        "total": {"amount": as_text(total), "currency": currency},
                    }
                )
        nodes = [
            {
                "id": GlobalId("Customer", row_id).encode(),
                "username": username,
                "name": name,
                "orders": {"nodes": orders[row_id]},
            }
            for row_id, username, name in customers
        ]
        return {"customers": {"nodes": nodes}}

    async def _point(self, sent: str) -> Any:
        decoded = GlobalId.decode(sent)
        row = (await self._fetch(ORDER, decoded.row_id if decoded else 0))[0]
        order = {
            "id": sent,
            "status": row[1],
            "total": {"amount": as_text(row[2]), "currency": row[3]},
            "customer": {
                "id": GlobalId("Customer", row[4]).encode(),
                "username": row[5],
                "name": row[6],
            },
        }
        return {"order": order}

    async def _list(self) -> Any:
        rows = (await self._fetch(ORDERS))[:100]
        nodes = [
            {
                "id": GlobalId("Order", row_id).encode(),
                "reference": reference,
                "status": status,
                "placedAt": shown(placed),
            }
            for row_id, reference, status, placed in rows
        ]
        return {"orders": {"nodes": nodes}}


def shown(moment: Any) -> str:
    return str(moment.isoformat(timespec="microseconds")) + "Z"


def by_hand(url: str, meter: Meter) -> Starlette:
    app = ByHand(url, meter)
    return Starlette(routes=[Route("/graphql", app.graphql, methods=["POST"])], lifespan=app.lifespan)
