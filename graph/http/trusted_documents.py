"""Trusted documents: clients send the ID of a document in the operator's file instead of its text."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from graph.errors import bad_request
from graph.http.persisted_queries import not_supported, requested_hash, text_of

ONLY_TRUSTED_DOCUMENTS = "Only trusted documents are accepted. Send a documentId instead of a query."


class TrustedDocuments:
    """Documents by ID, from a file that a client's build wrote. With `only`, no others are accepted."""

    def __init__(self, documents: Mapping[str, str], *, only: bool = False) -> None:
        self._documents = dict(documents)
        self._only = only

    def text(
        self, fields: Mapping[str, Any], find_persisted: Callable[[str], str | None]
    ) -> tuple[object, str | None]:
        """The document of a request, given by text or ID, and the hash to register it under.

        `find_persisted` looks up automatic persisted queries. Raises RequestError.
        """
        query, sha256 = fields.get("query"), requested_hash(fields.get("extensions"))
        by_id = sha256 if fields.get("documentId") is None else fields["documentId"]
        if by_id is not None and not isinstance(by_id, str):
            raise bad_request("documentId must be a string.")
        if self._only and (query is not None or by_id is None):
            raise bad_request(ONLY_TRUSTED_DOCUMENTS)
        if query is None and by_id in self._documents:
            return self._documents[by_id], None
        if query is None and by_id is not sha256:
            raise bad_request("No trusted document has this documentId.")
        if self._only:
            raise not_supported()
        return text_of(query, sha256, find_persisted)


def load(path: str) -> dict[str, str]:
    """Documents by id, as relay-compiler and graphql-codegen write them. Raises ValueError."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"names a file that cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ValueError("names a file that is not JSON") from None
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ValueError("names a file that is not a JSON object of documents by ID")
    return found
