"""Customer mutations: resolvers."""

from db import customers
from db.audit import erasure
from db.batches import customer_batches
from db.models import Customer
from graph.context import Write
from graph.mutations.batches import BatchItemResult, write_batch
from graph.mutations.inputs import (
    ArchiveCustomerInput,
    CreateCustomerInput,
    DeleteCustomerInput,
    EraseCustomerInput,
    RestoreCustomerInput,
    UpdateCustomerInput,
    UpsertCustomersInput,
)


async def create(write: Write, input: CreateCustomerInput) -> Customer:
    return await write(customers.insert, input.decode())


async def update(write: Write, input: UpdateCustomerInput) -> Customer:
    return await write(customers.update, *input.decode())


async def archive(write: Write, input: ArchiveCustomerInput) -> Customer:
    return await write(customers.archive, *input.decode())


async def restore(write: Write, input: RestoreCustomerInput) -> Customer:
    return await write(customers.restore, *input.decode())


async def delete(write: Write, input: DeleteCustomerInput) -> int:
    return await write(customers.delete, *input.decode())


async def erase(write: Write, input: EraseCustomerInput) -> Customer | int:
    return await write(erasure.erase, *input.decode())


async def upsert_many(write: Write, input: UpsertCustomersInput) -> list[BatchItemResult]:
    return await write_batch(write, customer_batches.upsert, input)
