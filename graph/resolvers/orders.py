"""Mutations of orders."""

from db import orders
from db.models import Order
from graph.context import Info
from graph.types.inputs import (
    CreateOrderInput,
    DeleteOrderInput,
    TransitionOrderInput,
    UpdateOrderInput,
    decode_id,
)


async def create(info: Info, input: CreateOrderInput) -> Order:
    return await info.context.write(orders.insert, *input.decode())


async def update(info: Info, input: UpdateOrderInput) -> Order:
    order_id, content = input.decode()
    return await info.context.write(orders.update, order_id, *content)


async def transition(info: Info, input: TransitionOrderInput) -> Order:
    order_id = decode_id("Order", input.id)
    return await info.context.write(orders.transition, order_id, input.to.value)


async def delete(info: Info, input: DeleteOrderInput) -> int:
    return await info.context.write(orders.delete, decode_id("Order", input.id))
