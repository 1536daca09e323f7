"""Mutation options: idempotencyKey, dryRun and expectedVersion, and the hash of an input."""

import dataclasses
import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache, partial
from typing import Any

import orjson
import strawberry
from strawberry.types import has_object_definition

from db import money, unique_text
from graph.context import MutationRequest
from graph.mutations.input_rules import InputValidator, is_unset

# Sorted last in the schema.
KEY_AND_DRY_RUN = ("idempotency_key", "dry_run")
OPTIONS = ("mode", "expected_version", *KEY_AND_DRY_RUN)


@strawberry.input
class MutationInput:
    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Idempotency key, 1 to 128 printable characters. The same key with an equivalent input "
        "within 24 hours is carried out once, and returns the first result again. If omitted, the "
        "server generates one.",
    )
    dry_run: bool = strawberry.field(
        default=False,
        description="Dry run: carry out the mutation, return its payload, and roll back.",
    )


@strawberry.input
class VersionedInput(MutationInput):
    expected_version: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="The version that you have read. If the object has another version, the result is the "
        "user error VERSION_CONFLICT, with the changes since. If omitted, the last write wins.",
    )


def mutation_request(mutation: str, sent: MutationInput) -> MutationRequest:
    """The mutation request of an input. Raises InvalidInput for an invalid key."""
    validator = InputValidator()
    key = None if is_unset(sent.idempotency_key) else validator.key(sent.idempotency_key)
    validator.raise_errors()
    return MutationRequest(mutation, input_hash(sent), key, sent.dry_run, partial(legacy_input_hash, sent))


def input_hash(sent: MutationInput) -> str:
    """A hash of 62 hex digits that is equal for equivalent inputs. Excludes the key and `dryRun`.

    Amounts are compared as numbers, times as instants, and unique text in its normal form. A field left out
    equals its default, and null unless null clears the field. Adding optional fields keeps hashes stable.
    """
    content = {name: value for name, value in _canonical(sent).items() if name not in KEY_AND_DRY_RUN}
    return hashlib.blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=31).hexdigest()


def legacy_input_hash(sent: MutationInput) -> str:
    """Version 1 of the hash, which rows from before an upgrade have until their keys expire."""
    content = {name: value for name, value in vars(sent).items() if name not in KEY_AND_DRY_RUN}
    text = orjson.dumps(_legacy(content), default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=32).hexdigest()


def sort_options_last(input_type: type) -> None:
    """Move the options behind the other fields of an input type."""
    fields = input_type.__strawberry_definition__.fields  # type: ignore[attr-defined]
    fields.sort(key=lambda each: each.python_name in OPTIONS)


def _canonical(value: Any, field: str = "") -> Any:
    """JSON values that are equal for equivalent values of a field."""
    match value:
        case str():
            return unique_text.normalize_column(field, value)
        case Enum():
            return value.value
        case Decimal():
            return money.as_text(value)
        case datetime():
            return value.astimezone(UTC).isoformat()
        case strawberry.Some():
            return _canonical(value.value, field)
        case list():
            return [_canonical(each, field) for each in value]
    if not has_object_definition(value):
        return value
    input_type: Any = type(value)
    defaults = _defaults(input_type)
    sent = {
        name: each for name, each in vars(value).items() if each is not None and each is not strawberry.UNSET
    }
    return {name: _canonical(each, name) for name, each in sent.items() if each != defaults[name]}


@cache
def _defaults(input_type: type) -> dict[str, Any]:
    return {field.name: field.default for field in dataclasses.fields(input_type)}


def _legacy(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case strawberry.Some():
            # Wrapped in a list, so that null differs from a field that is left out.
            return [_legacy(value.value)]
        case list():
            return [_legacy(each) for each in value]
        case dict():
            return {name: _legacy(each) for name, each in value.items() if each is not strawberry.UNSET}
    return _legacy(vars(value)) if has_object_definition(value) else value
