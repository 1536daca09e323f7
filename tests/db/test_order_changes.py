"""What a change makes of an order and of its lines, on both databases."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from db import domain_errors
from db.engine.database import Database
from db.money import LineInput, Money
from tests.db.order_steps import STATUSES, lines_of, place, stored, update
from tests.factories import TEN_EUROS, line


async def test_a_change_raises_the_version_by_one(database: Database) -> None:
    """However many columns it changes."""
    placed_at = datetime(2024, 5, 1, 12, tzinfo=UTC)
    old = await place(database, reference="SO-1")
    total = Money(Decimal("99.99"), "USD")
    new = await update(database, old, total=total, reference=None, placed_at=placed_at)

    expected = old._replace(
        reference=None,
        total=Decimal("99.99"),
        currency="USD",
        placed_at=placed_at,
        version=2,
        updated_at=new.updated_at,
    )
    assert expected == new
    assert [new] == await stored(database, new)


async def test_a_change_that_changes_nothing_keeps_the_version(database: Database) -> None:
    """An amount is the same with other zeros, and lines are the same when all of them are."""
    bare, lined = await place(database, reference="SO-1"), await place(database, line("A"), line("B"))
    same_total = Money(Decimal("10.0000"), "EUR")

    assert bare == await update(database, bare)
    assert bare == await update(database, bare, total=same_total, reference="SO-1")
    assert lined == await update(database, lined, line("A", price="12.5000"), line("B"))
    assert [bare, lined] == await stored(database, bare) + await stored(database, lined)


@pytest.mark.parametrize(
    "sent",
    [
        [line("A")._replace(name="Other")],
        [line("A"), line("B")],
        [line("B", price="6.25"), line("A", price="6.25")],
        [line("A", quantity=2, price="6.25")],
    ],
    ids=["name", "one more", "others", "other factors"],
)
async def test_other_lines_raise_the_version_by_one(database: Database, sent: list[LineInput]) -> None:
    """Also where the total stays the same: all lines are replaced."""
    old = await place(database, line("A"))
    new = await update(database, old, *sent)

    total = sum((each.unit_price.amount * each.quantity for each in sent), Decimal(0))
    assert old._replace(total=total, version=2, updated_at=new.updated_at) == new
    assert [new] == await stored(database, old)
    assert [(index + 1, each.sku, each.name) for index, each in enumerate(sent)] == [
        (each.position, each.sku, each.name) for each in await lines_of(database, old)
    ]


async def test_lines_may_change_the_currency(database: Database) -> None:
    """All of them together."""
    old = await place(database, line("A"), line("B"))
    new = await update(database, old, line("A", currency="USD"))

    assert (Decimal("12.5"), "USD", 2) == (new.total, new.currency, new.version)
    assert ["USD"] == [each.currency for each in await lines_of(database, old)]


async def test_an_order_without_lines_may_get_some(database: Database) -> None:
    """From then on its total is theirs."""
    order = await update(database, await place(database), line())

    assert (Decimal("12.5"), 2) == (order.total, order.version)
    with pytest.raises(domain_errors.HasLines) as refused:
        await update(database, order, total=TEN_EUROS)
    assert "total" == refused.value.field
    assert [order] == await stored(database, order)


@pytest.mark.parametrize("status", STATUSES[1:])
async def test_lines_and_total_change_only_while_pending(database: Database, status: str) -> None:
    """The reference and the moment do later, too."""
    order = await place(database, status=status)
    with pytest.raises(domain_errors.NotEditable) as by_lines:
        await update(database, order, line())
    with pytest.raises(domain_errors.NotEditable) as by_total:
        await update(database, order, total=TEN_EUROS)
    changed = await update(database, order, reference="SO-1")

    assert (status, "lines") == (by_lines.value.status, by_lines.value.field)
    assert (status, "total") == (by_total.value.status, by_total.value.field)
    assert ("SO-1", 2) == (changed.reference, changed.version)
