"""Error codes in `extensions.code`, and the conversion of exceptions to GraphQL errors (masking)."""

import math
import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from graphql import FieldNode, GraphQLError

from db import errors

GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"
BAD_REQUEST = "BAD_REQUEST"
FORBIDDEN = "FORBIDDEN"
METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
UNAUTHENTICATED = "UNAUTHENTICATED"
CONFLICT = "CONFLICT"
OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
COST_LIMIT_EXCEEDED = "COST_LIMIT_EXCEEDED"
RESPONSE_TOO_LARGE = "RESPONSE_TOO_LARGE"
TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
TIMEOUT = "TIMEOUT"
AS_OF_UNAVAILABLE = "AS_OF_UNAVAILABLE"
NOT_FOUND = "NOT_FOUND"
SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"

BAD_CURSOR_MESSAGE = (
    "This cursor belongs to another field or to other arguments. Send the same where, orderBy, search and "
    "includeArchived, or start without a cursor."
)
BAD_ZONE_MESSAGE = 'timeZone must be a name of the tz database, such as "Europe/Berlin".'
TOO_MANY_BUCKETS_MESSAGE = (
    "The result has more than 366 buckets. Narrow placedAt in where, or group by WEEK or MONTH."
)
TOO_MANY_GROUPS_MESSAGE = "The result has more than 2000 groups. Narrow where, remove a group, or set first."
NOT_OWNED_MESSAGE = (
    "Your key or token is restricted to one customer and cannot create others. Nothing was written."
)
GONE_MESSAGE = "The order and its customer were deleted."
TOO_LARGE_MESSAGE = (
    "The response would be larger than {0:,} bytes. Ask for smaller pages, fewer fields or fewer aliases."
)
MUTATION_SKIPPED_MESSAGE = (
    "Not carried out, because the payload of an earlier mutation made the response too large. "
    "Send this mutation in a separate request."
)
MASKED_MESSAGE = "Internal error. Report the errorId: it identifies the error in the server's log."

# Errors in the response to a rejected request.
MAX_REQUEST_ERRORS = 10
# Field errors in a response.
MAX_FIELD_ERRORS = 100
# Client errors that only `db` detects.
CLIENT_ERRORS: dict[type[Exception], str] = {
    errors.InvalidCursor: BAD_CURSOR_MESSAGE,
    errors.UnknownTimeZone: BAD_ZONE_MESSAGE,
    errors.DateOutOfRange: "DAY, WEEK and MONTH support the years 1001 to 9998. Narrow placedAt in where.",
    errors.TooManyBuckets: TOO_MANY_BUCKETS_MESSAGE,
    errors.TooManyGroups: TOO_MANY_GROUPS_MESSAGE,
}

# Code and message by exception class; the first match counts. Clients get nothing else of the exception.
PUBLIC_ERRORS: tuple[tuple[type[Exception], str, str], ...] = (
    (errors.DeadlineExceeded, TIMEOUT, "The request timed out. Ask for less, or try again."),
    (
        errors.Conflict,
        CONFLICT,
        "Conflict with concurrent changes of the same data. Nothing was written. Try again.",
    ),
    (
        errors.OutcomeUnknown,
        OUTCOME_UNKNOWN,
        "The database did not confirm the change: it may or may not be stored. "
        "Send it again with this idempotencyKey.",
    ),
    (
        errors.SchemaMismatch,
        SERVICE_UNAVAILABLE,
        "The versions of the server and its database schema do not match. Try again later.",
    ),
    (errors.ReadOnly, SERVICE_UNAVAILABLE, "The database is read-only. Try again later."),
    (errors.StorageFull, SERVICE_UNAVAILABLE, "The database has no space left. Try again later."),
    (
        errors.StatementTooLarge,
        COST_LIMIT_EXCEEDED,
        "The operation exceeds a limit of the database. Nothing was written. Ask for less.",
    ),
    (
        errors.MemoryExhausted,
        SERVICE_UNAVAILABLE,
        "The server is out of memory for requests. Try again in a moment.",
    ),
    (errors.PoolExhausted, SERVICE_UNAVAILABLE, "The server is busy. Try again in a moment."),
    (
        errors.Unavailable,
        SERVICE_UNAVAILABLE,
        "The database is not available. Try again in a moment.",
    ),
)

log = structlog.get_logger("tidegraph")


class BadUserInput(Exception):
    """An invalid argument that the schema's types allow; the message goes to the client."""


class MutationSkipped(Exception):
    """A mutation that was not run, because an earlier one of the same request exceeded the response limit."""


FIXED_MESSAGES: dict[type[Exception], tuple[str, str]] = {
    MutationSkipped: (MUTATION_SKIPPED_MESSAGE, RESPONSE_TOO_LARGE),
    errors.RowLevelSecurityViolation: (NOT_OWNED_MESSAGE, FORBIDDEN),
    errors.ParentDeleted: (GONE_MESSAGE, NOT_FOUND),
}


class RequestError(Exception):
    """A request error: nothing was executed. Each of the `errors` has a code.

    Without a `status`, the media type decides between 200 and 400, as GraphQL over HTTP specifies.
    """

    def __init__(
        self,
        *errors: GraphQLError,
        status: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.errors = list(errors)
        self.status = status
        self.headers = headers or {}


def coded_error(message: str, code: str, **extensions: Any) -> GraphQLError:
    """A GraphQL error with a code in its extensions."""
    return GraphQLError(message, extensions={"code": code, **extensions})


def bad_request(message: str, status: int = 400) -> RequestError:
    """A malformed request."""
    return RequestError(coded_error(message, BAD_REQUEST), status=status)


def unavailable(message: str, seconds: int) -> RequestError:
    """A request that may be retried after `seconds`: the server is busy, or a dependency is unavailable."""
    error = coded_error(message, SERVICE_UNAVAILABLE)
    return RequestError(error, status=503, headers={"Retry-After": str(seconds)})


def too_large(limit: int) -> GraphQLError:
    """A response of more than `limit` bytes."""
    return coded_error(TOO_LARGE_MESSAGE.format(limit), RESPONSE_TOO_LARGE, limit=limit)


def too_many_requests(message: str, seconds: int) -> RequestError:
    """A rate-limited request that may be retried after `seconds`."""
    error = coded_error(message, TOO_MANY_REQUESTS, retryable=True, retryAfterMs=seconds * 1000)
    return RequestError(error, status=429, headers={"Retry-After": str(seconds)})


def with_code(error: GraphQLError, code: str) -> GraphQLError:
    """The same error with a code, unless it has one."""
    extensions = {"code": code, **(error.extensions or {})}
    return GraphQLError(
        error.message,
        error.nodes,
        error.source,
        error.positions,
        error.path,
        error.original_error,
        extensions,
    )


def mask_errors(found: Sequence[GraphQLError]) -> list[GraphQLError]:
    """Convert field errors to what clients may see.

    A failed batch is an error of each of its fields. It is logged once, and they share its error ID.
    """
    shown: dict[int, GraphQLError] = {}
    return [_client_error(error) or _masked_error(error, shown) for error in found]


def _client_error(error: GraphQLError) -> GraphQLError | None:
    match error.original_error:
        case BadUserInput() as bad:
            return _replaced(error, coded_error(str(bad), BAD_USER_INPUT))
        case errors.DatabaseError() as mistake if type(mistake) in CLIENT_ERRORS:
            return _replaced(error, coded_error(CLIENT_ERRORS[type(mistake)], BAD_USER_INPUT))
        case errors.ResponseTooLarge(limit=limit):
            return _replaced(error, too_large(limit))
        case errors.AsOfUnavailable() as gone:
            return _replaced(error, coded_error(str(gone), AS_OF_UNAVAILABLE))
        case MutationSkipped() | errors.RowLevelSecurityViolation() | errors.ParentDeleted() as fixed:
            return _replaced(error, coded_error(*FIXED_MESSAGES[type(fixed)]))
        case GraphQLError(nodes=[node, *_]) if not isinstance(node, FieldNode):
            # An invalid argument value. Other errors of graphql-core refer to the field or to no node.
            return with_code(error, BAD_USER_INPUT)
    return None


def _masked_error(error: GraphQLError, shown: dict[int, GraphQLError]) -> GraphQLError:
    original = error.original_error or error
    if id(original) not in shown:
        shown[id(original)] = log_and_mask(original, error.path)
    return _replaced(error, shown[id(original)])


def log_and_mask(original: Exception, path: Sequence[str | int] | None = None) -> GraphQLError:
    """Log a server error. Returns the public error; for a bug, it has only an error ID."""
    for kind, code, message in PUBLIC_ERRORS:
        if isinstance(original, kind):
            log.warning("request failed", code=code, path=path, reason=str(original))
            return coded_error(message, code, **retry_hints(original))
    error_id = uuid.uuid4().hex
    if isinstance(original, errors.DataInconsistency):
        log.critical("data are damaged", error_id=error_id, path=path, reason=str(original))
    else:
        log.error("internal error", error_id=error_id, path=path, exc_info=original)
    return coded_error(MASKED_MESSAGE, INTERNAL_SERVER_ERROR, errorId=error_id)


def retry_hints(original: Exception) -> dict[str, Any]:
    """Retry hints for clients: retry after a pause, or with the idempotency key."""
    if isinstance(original, errors.OutcomeUnknown) and original.key is not None:
        return {"retryable": True, "idempotencyKey": original.key}
    if isinstance(original, errors.DatabaseError) and original.retry_after is not None:
        return {"retryable": True, "retryAfterMs": math.ceil(original.retry_after * 1000)}
    return {}


def _replaced(error: GraphQLError, shown: GraphQLError) -> GraphQLError:
    return GraphQLError(shown.message, error.nodes, path=error.path, extensions=shown.extensions)
