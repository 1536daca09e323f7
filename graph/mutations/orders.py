"""Order mutations: resolvers."""

from db import orders
from db.batches import order_batches
from db.models import Order
from graph.context import Write
from graph.mutations.batches import BatchItemResult, write_batch
from graph.mutations.inputs import (
    CreateOrderInput,
    CreateOrdersInput,
    DeleteOrderInput,
    TransitionOrderInput,
    TransitionOrdersInput,
    UpdateOrderInput,
    UpsertOrdersInput,
)


async def create(write: Write, input: CreateOrderInput) -> Order:
    return await write(orders.insert, *input.decode())


async def update(write: Write, input: UpdateOrderInput) -> Order:
    order_id, content, expected = input.decode()
    return await write(orders.update, order_id, *content, expected)


async def transition(write: Write, input: TransitionOrderInput) -> Order:
    order_id, expected = input.decode()
    return await write(orders.transition, order_id, input.to.value, expected)


async def delete(write: Write, input: DeleteOrderInput) -> int:
    return await write(orders.delete, *input.decode())


async def create_many(write: Write, input: CreateOrdersInput) -> list[BatchItemResult]:
    return await write_batch(write, order_batches.create, input)


async def upsert_many(write: Write, input: UpsertOrdersInput) -> list[BatchItemResult]:
    return await write_batch(write, order_batches.upsert, input)


async def transition_many(write: Write, input: TransitionOrdersInput) -> list[BatchItemResult]:
    return await write_batch(write, order_batches.transition, input)
