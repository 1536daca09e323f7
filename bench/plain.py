"""What one writes first: Strawberry's own application, a resolver for each relation, the ORM below."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
import strawberry
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from strawberry.asgi import GraphQL

from bench.meter import Meter
from db import models
from graph.global_ids import GlobalId
from graph.types.scalars import SCALARS, CurrencyCode


class Entity(DeclarativeBase):
    metadata = models.metadata


class CustomerEntity(Entity):
    __table__ = models.customers


class OrderEntity(Entity):
    __table__ = models.orders


Info = strawberry.Info[Any, None]


async def entities(info: Info, statement: Any) -> Any:
    session: AsyncSession
    async with info.context["sessions"]() as session:
        return (await session.scalars(statement)).all()


@strawberry.type
class Money:
    amount: Decimal
    currency: CurrencyCode


@strawberry.type
class Customer:
    entity: strawberry.Private[CustomerEntity]

    @strawberry.field
    def id(self) -> strawberry.ID:
        return GlobalId("Customer", self.entity.id).encode()

    @strawberry.field
    def username(self) -> str:
        return self.entity.username

    @strawberry.field
    def name(self) -> str:
        return self.entity.name

    @strawberry.field
    async def orders(self, info: Info, first: int = 20) -> "Orders":
        statement = sa.select(OrderEntity).where(OrderEntity.customer_id == self.entity.id)
        newest = statement.order_by(OrderEntity.placed_at.desc(), OrderEntity.id.desc())
        found = await entities(info, newest.limit(first))
        return Orders(nodes=[Order(entity=each) for each in found])


@strawberry.type
class Order:
    entity: strawberry.Private[OrderEntity]

    @strawberry.field
    def id(self) -> strawberry.ID:
        return GlobalId("Order", self.entity.id).encode()

    @strawberry.field
    def reference(self) -> str | None:
        return self.entity.reference

    @strawberry.field
    def status(self) -> str:
        return self.entity.status

    @strawberry.field
    def placed_at(self) -> datetime:
        return self.entity.placed_at

    @strawberry.field
    def total(self) -> Money:
        return Money(amount=self.entity.total, currency=CurrencyCode(self.entity.currency))

    @strawberry.field
    async def customer(self, info: Info) -> Customer:
        statement = sa.select(CustomerEntity).where(CustomerEntity.id == self.entity.customer_id)
        return Customer(entity=(await entities(info, statement))[0])


@strawberry.type
class Orders:
    nodes: list[Order]


@strawberry.type
class Customers:
    nodes: list[Customer]


@strawberry.input
class OrderKey:
    id: strawberry.ID


@strawberry.type
class Query:
    @strawberry.field
    async def customers(self, info: Info, first: int = 20) -> Customers:
        statement = sa.select(CustomerEntity).where(CustomerEntity.archived_at.is_(None))
        newest = statement.order_by(CustomerEntity.created_at.desc(), CustomerEntity.id.desc())
        found = await entities(info, newest.limit(first))
        return Customers(nodes=[Customer(entity=each) for each in found])

    @strawberry.field
    async def orders(self, info: Info, first: int = 20) -> Orders:
        newest = sa.select(OrderEntity).order_by(OrderEntity.placed_at.desc(), OrderEntity.id.desc())
        found = await entities(info, newest.limit(first))
        return Orders(nodes=[Order(entity=each) for each in found])

    @strawberry.field
    async def order(self, info: Info, by: OrderKey) -> Order | None:
        decoded = GlobalId.decode(by.id)
        statement = sa.select(OrderEntity).where(OrderEntity.id == (decoded.row_id if decoded else 0))
        found = await entities(info, statement)
        return Order(entity=found[0]) if found else None


class Application(GraphQL[Any, None]):
    def __init__(self, sessions: Any) -> None:
        config = strawberry.schema.config.StrawberryConfig(scalar_map=SCALARS)
        super().__init__(strawberry.Schema(Query, config=config))
        self._sessions = sessions

    async def get_context(self, request: Any, response: Any) -> Any:
        return {"sessions": self._sessions}


def plain(url: str, meter: Meter) -> Application:
    engine = create_async_engine(url, pool_size=10, max_overflow=0)
    meter.watch(engine)
    return Application(async_sessionmaker(engine, expire_on_commit=False))
