"""Names as the schema has them."""

from functools import lru_cache


@lru_cache(1_000)
def camel(name: str) -> str:
    """`unit_price` as `unitPrice`."""
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)
