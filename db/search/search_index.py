"""The search index: the words that customer search looks up, derived from the customers' rows."""

from collections.abc import Sequence
from itertools import islice

from db.models import Customer, columns_with, customer_words
from db.models import customers as customer_table
from db.reader import Transaction
from db.search import text_folding

# A customer has about 6 words, and up to 380: preparing very many rows would take the event loop for long.
BATCH = 5_000
# The columns of which whole texts are found, and those of which only words are.
WHOLE, WORDS = (columns_with(customer_table, "searchable", each) for each in ("whole", "words"))


async def insert(transaction: Transaction, customers: Sequence[Customer]) -> None:
    """Store the words of customers that have none yet."""
    pairs = ((word, customer.id) for customer in customers for word in sorted(index_words(customer)))
    while some := list(islice(pairs, BATCH)):
        rows = [{"word": word, "customer_id": customer_id} for word, customer_id in some]
        await transaction.execute(customer_words.insert(), rows)


async def replace(transaction: Transaction, customers: Sequence[Customer]) -> None:
    """Replace the stored words of customers."""
    await delete(transaction, [customer.id for customer in customers])
    await insert(transaction, customers)


async def delete(transaction: Transaction, customer_ids: Sequence[int]) -> None:
    """Delete the words of customers; deleting the customer does it too."""
    found = customer_words.c.customer_id.in_(customer_ids)
    await transaction.execute(customer_words.delete().where(found))


def index_words(customer: Customer) -> frozenset[str]:
    """The words that a customer is found by, prefixes inside unspaced text included."""
    return text_folding.with_inner_prefixes(whole_words(customer))


def whole_words(customer: Customer) -> frozenset[str]:
    """The whole words of a customer."""
    return text_folding.words(*([customer.shown(name) for name in names] for names in (WHOLE, WORDS)))
