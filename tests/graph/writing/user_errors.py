"""User errors as a test asks for them, and as it expects them."""

from typing import Any

from graph.global_ids import MAX_ID_LENGTH

PROBLEM = """
fragment Problem on UserError {
  __typename
  code
  path
  ... on ValueTakenError { value }
  ... on NotFoundError { missing }
  ... on IllegalTransitionError { status allowed }
  ... on VersionConflictError {
    current { id ... on Customer { version } ... on Order { version } }
    changes { version action principal requestId at fields { field before after } }
  }
}
"""

Problem = dict[str, Any]


def invalid(code: str, *path: str) -> Problem:
    return {"__typename": "InvalidInputError", "code": code, "path": ["input", *path]}


def taken(value: str, *path: str) -> Problem:
    return {"__typename": "ValueTakenError", "code": "TAKEN", "path": ["input", *path], "value": value}


def not_found(sent: str, *path: str) -> Problem:
    missing = sent if len(sent) <= MAX_ID_LENGTH else f"{sent[: MAX_ID_LENGTH - 1]}…"
    return {"__typename": "NotFoundError", "code": "NOT_FOUND", "path": ["input", *path], "missing": missing}


def illegal_transition(status: str, allowed: list[str]) -> Problem:
    return {
        "__typename": "IllegalTransitionError",
        "code": "ILLEGAL_TRANSITION",
        "path": ["input", "to"],
        "status": status,
        "allowed": allowed,
    }
