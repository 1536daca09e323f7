"""What every mutation's input takes besides its change: a key, a dry run, and the version that is known."""

import hashlib
from enum import Enum
from typing import Any

import orjson
import strawberry
from strawberry.types import has_object_definition

from graph.context import Asked
from graph.types.rules import Problems, unset

# Printed last, below what the mutation is about.
KEY_AND_DRY_RUN = ("idempotency_key", "dry_run")
OPTIONS = ("mode", "expected_version", *KEY_AND_DRY_RUN)


@strawberry.input
class MutationInput:
    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="A key of your own, 1 to 128 printable characters. Sent again with it and the same "
        "input, within 24 hours, the mutation is not carried out again and answers as it did. If left out, "
        "the server makes one.",
    )
    dry_run: bool = strawberry.field(
        default=False,
        description="Check and carry out everything, answer what would be, and then undo it.",
    )


@strawberry.input
class VersionedInput(MutationInput):
    expected_version: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="The version that you know; any other is the user error VERSION_CONFLICT, which says "
        "what was changed since. If left out, the last writer wins.",
    )


def asked(mutation: str, sent: MutationInput) -> Asked:
    """How `sent` asks for its mutation. Raises InvalidInput for a key that is none."""
    problems = Problems()
    key = None if unset(sent.idempotency_key) else problems.key(sent.idempotency_key)
    problems.done()
    return Asked(mutation, digest(sent), key, sent.dry_run)


def digest(sent: MutationInput) -> str:
    """The same for the same input, whatever its key, and whether it is to last."""
    content = {name: value for name, value in vars(sent).items() if name not in KEY_AND_DRY_RUN}
    text = orjson.dumps(_plain(content), default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=32).hexdigest()


def options_last(input_type: type) -> None:
    """Show the fields that all mutations have below those of this one."""
    fields = input_type.__strawberry_definition__.fields  # type: ignore[attr-defined]
    fields.sort(key=lambda each: each.python_name in OPTIONS)


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case strawberry.Some():
            # In a list, so that null is not the same as left out.
            return [_plain(value.value)]
        case list():
            return [_plain(each) for each in value]
        case dict():
            return {name: _plain(each) for name, each in value.items() if each is not strawberry.UNSET}
    return _plain(vars(value)) if has_object_definition(value) else value
