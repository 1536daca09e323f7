"""Everything that clients can name is described in a sentence."""

import re
from collections.abc import Iterator

from graph import schema
from tests.published_schema import TYPES

SENTENCE = re.compile(r"[A-Z][^\n]* [^\n]*\.")


def described() -> Iterator[tuple[str, str | None]]:
    """Every name in the schema that can have a description, and the one it has."""
    for name, each in TYPES.items():
        yield name, each.description
        members = getattr(each, "fields", getattr(each, "values", {}))
        for member, definition in members.items():
            yield f"{name}.{member}", definition.description
            for argument, its in getattr(definition, "args", {}).items():
                yield f"{name}.{member}({argument})", its.description


def test_every_name_is_described_in_a_sentence() -> None:
    """Types, fields, arguments, enum values and inputs: a capital letter, words, a full stop."""
    names = dict(described())

    assert 150 < len(names)
    assert {} == {name: text for name, text in names.items() if not SENTENCE.fullmatch(text or "")}


def test_scopes_are_part_of_descriptions() -> None:
    """Tools show descriptions, but no directives: exactly what `@requiresScope` says, at each place."""
    sdl = schema.sdl()
    directives = re.findall(r'@requiresScope\(scope: "([a-z:]+)"\)', sdl)
    texts = dict(described())

    assert directives
    assert sorted(directives) == sorted(
        scope
        for text in texts.values()
        for scope in re.findall(r"Requires the scope `([a-z:]+)`\.", text or "")
    )
    assert str(texts["Mutation.deleteOrder"]).endswith(". Requires the scope `orders:write`.")
    assert str(texts["Customer"]).endswith(". Requires the scope `customers:read`.")
    assert str(texts["OrderWhere.customer"]).endswith(". Requires the scope `customers:read`.")


def test_the_schema_is_described() -> None:
    """Docs begin with it."""
    description = schema.build()._schema.description

    assert description
    assert SENTENCE.fullmatch(description)
