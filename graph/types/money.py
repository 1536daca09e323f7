"""The output type Money: an exact amount with its currency."""

from decimal import Decimal

import strawberry

from graph.types.fields import column
from graph.types.scalars import CurrencyCode


@strawberry.type(description="An exact amount of money in one currency.")
class Money:
    amount: Decimal = column("The amount: 0 to 99999999999.9999; sums can be larger.")
    currency: CurrencyCode = column("The currency of the amount.")
