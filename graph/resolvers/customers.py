"""Mutations of customers."""

from db import customers
from db.models import Customer
from graph.context import Info
from graph.types.inputs import (
    ArchiveCustomerInput,
    CreateCustomerInput,
    DeleteCustomerInput,
    RestoreCustomerInput,
    UpdateCustomerInput,
    decode_id,
)


async def create(info: Info, input: CreateCustomerInput) -> Customer:
    return await info.context.write(customers.insert, input.decode())


async def update(info: Info, input: UpdateCustomerInput) -> Customer:
    customer_id, values = input.decode()
    return await info.context.write(customers.update, customer_id, values)


async def archive(info: Info, input: ArchiveCustomerInput) -> Customer:
    return await info.context.write(customers.archive, decode_id("Customer", input.id))


async def restore(info: Info, input: RestoreCustomerInput) -> Customer:
    return await info.context.write(customers.restore, decode_id("Customer", input.id))


async def delete(info: Info, input: DeleteCustomerInput) -> int:
    return await info.context.write(customers.delete, decode_id("Customer", input.id))
