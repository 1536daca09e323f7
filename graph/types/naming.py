"""Names as the schema has them."""


def camel(name: str) -> str:
    """`unit_price` as `unitPrice`."""
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)
