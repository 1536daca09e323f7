"""Documents that the operator trusts, by the ids that clients send in their place."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graph.errors import BAD_REQUEST, Rejected, bad_request, coded

ONLY_TRUSTED = "Only trusted documents are accepted: send the documentId of one, and no query."


class Trusted:
    """The documents of a file that a client's build wrote; with `only` nothing else is accepted."""

    def __init__(self, documents: Mapping[str, str], *, only: bool = False) -> None:
        self._documents = dict(documents)
        self._only = only

    def text(self, fields: Mapping[str, Any]) -> object:
        """The document that a request's fields ask for, by its text or its id. Raises Rejected."""
        query, by_id = fields.get("query"), _id(fields)
        if query is not None and not self._only:
            return query
        if query is not None or by_id is None:
            if self._only:
                raise bad_request(ONLY_TRUSTED)
            return None
        if by_id not in self._documents:
            raise _unknown(fields, only=self._only)
        return self._documents[by_id]


def _id(fields: Mapping[str, Any]) -> str | None:
    """`documentId`, or the hash that Apollo's and urql's clients send in its place."""
    found = fields.get("documentId")
    if found is None:
        extensions = fields.get("extensions")
        persisted = extensions.get("persistedQuery") if isinstance(extensions, Mapping) else None
        found = persisted.get("sha256Hash") if isinstance(persisted, Mapping) else None
    if found is not None and not isinstance(found, str):
        raise bad_request("The id of a document must be a string.")
    return found


def _unknown(fields: Mapping[str, Any], *, only: bool) -> Rejected:
    if fields.get("documentId") is None and not only:
        # The words on which such clients send the query itself.
        return Rejected(coded("PersistedQueryNotFound", BAD_REQUEST))
    return bad_request("No trusted document has this id.")


def load(path: str) -> dict[str, str]:
    """Documents by id, as relay-compiler and graphql-codegen write them. Raises ValueError."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"names a file that cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ValueError("names a file that is not JSON") from None
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ValueError("names a file that is not one JSON object from ids to documents")
    return found
