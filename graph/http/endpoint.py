"""The /graphql endpoint: GraphQL over HTTP by GET and POST, and GraphiQL for browsers."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial

import strawberry
from graphql import OperationDefinitionNode, OperationType
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from db import errors
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.query_statistics import QueryStatistics
from db.response_budget import ResponseBudget
from graph.auth.authentication import Authentication
from graph.auth.callers import Caller
from graph.context import Context
from graph.errors import METHOD_NOT_ALLOWED, RequestError, coded_error, log_and_mask
from graph.execution.document_cache import Document, Documents
from graph.execution.operation import Executed, execute
from graph.http import content_negotiation
from graph.http.client_disconnect import ClientDisconnected, cancel_on_disconnect
from graph.http.csrf_and_cors import OriginPolicy
from graph.http.etag import with_etag
from graph.http.graphiql import GraphiQL
from graph.http.health import Health
from graph.http.persisted_queries import PersistedQueries
from graph.http.request_ids import request_id
from graph.http.request_params import Params, read_body
from graph.http.response_sending import send_response
from graph.http.trusted_documents import TrustedDocuments
from graph.limits.body_memory import BodyMemoryLimit, Reservation
from graph.limits.concurrency_limit import ConcurrencyLimit
from graph.limits.fair_scheduler import FairScheduler
from graph.limits.limit_settings import LimitSettings
from graph.limits.rate_limit import RateLimiter
from graph.limits.worker_thread import WorkerThread

METHODS = ["GET", "POST"]
RECEIPT_HEADER = "tidegraph-receipt"
# Busy or unreachable databases are worth another try after a second.
RETRY_AFTER = {"Retry-After": "1"}
# nginx's status for closed connections. Nobody receives it, but proxies log it.
CLIENT_CLOSED_REQUEST = 499


@dataclass
class GraphQLEndpoint:
    """Implements the GraphQL over HTTP specification. A request gets `request_timeout` seconds in all.

    Responses include query statistics with the request header RECEIPT_HEADER, and always with `receipts`.
    """

    schema: strawberry.Schema
    documents: Documents
    database: Database
    authentication: Authentication
    health: Health
    graphiql: GraphiQL
    request_timeout: float
    cost_limit: int
    limits: LimitSettings
    rate_limiter: RateLimiter
    concurrency_limit: ConcurrencyLimit
    body_memory: BodyMemoryLimit
    trusted_documents: TrustedDocuments
    receipts: bool = False
    origin_policy: OriginPolicy = field(default_factory=OriginPolicy)
    scheduler: FairScheduler = field(default_factory=FairScheduler)
    worker: WorkerThread = field(default_factory=WorkerThread)
    persisted_queries: PersistedQueries = field(default_factory=PersistedQueries)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        with Reservation(self.body_memory) as reservation:
            response = await self._respond(request, reservation)
            await send_response(request, response, reservation, send)

    async def _respond(self, request: Request, reservation: Reservation) -> Response:
        if self.graphiql.is_requested(request):
            return self.graphiql.page()
        media_type = content_negotiation.JSON
        try:
            if request.method not in METHODS:
                raise method_not_allowed("Send GET or POST.", ", ".join(METHODS))
            media_type = content_negotiation.negotiate(request.headers.getlist("accept"))
            self.origin_policy.check(request)
            return await self._admit(request, media_type, reservation)
        except RequestError as rejected:
            return content_negotiation.error_response(media_type, rejected)
        except ClientDisconnected:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except errors.DatabaseError as error:
            return content_negotiation.error_response(
                media_type, RequestError(log_and_mask(error), status=503, headers=RETRY_AFTER)
            )
        except Exception as bug:
            return content_negotiation.error_response(media_type, RequestError(log_and_mask(bug), status=500))

    async def _admit(self, request: Request, media_type: str, reservation: Reservation) -> Response:
        caller = await self._authenticate(request)
        await self.rate_limiter.count(caller.principal)
        reservation.principal = caller.principal
        body = await read_body(request, self.limits, reservation)
        # Not by `slot`: almost always one is free.
        if not self.concurrency_limit.take(caller.principal):
            await self.concurrency_limit.wait(caller.principal)
        try:
            return await self._respond_to_operation(request, body, media_type, caller, reservation)
        finally:
            self.concurrency_limit.release(caller.principal)

    async def _respond_to_operation(
        self, request: Request, body: bytes, media_type: str, caller: Caller, reservation: Reservation
    ) -> Response:
        if not self.scheduler.begin():
            await self.scheduler.yield_to_others(caller.principal)
        reservation.check()
        # Parsed only here: parsed JSON takes up to twenty times the memory, and many requests may be queued.
        find = partial(self.persisted_queries.get, caller.principal)
        params = Params.of(request, body, self.limits, self.trusted_documents, find)
        document = await self.documents.find(params.query, partial(self.worker.run, caller.principal))
        if params.sha256 is not None:
            self.persisted_queries.register(caller.principal, params.sha256, params.query)
        document.check_values(params.sizes, self.limits.value_limit)
        operation = document.operation(params.operation_name)
        if request.method == "GET" and operation.operation is not OperationType.QUERY:
            raise method_not_allowed("Mutations require POST.", "POST")
        is_query = operation.operation is OperationType.QUERY
        reserve = partial(_reserve, reservation, len(body), is_query)
        executed = await self._execute(request, params, document, operation, caller, reserve)
        receipts = self.receipts or request.headers.get(RECEIPT_HEADER) == "1"
        response = content_negotiation.result_response(media_type, executed, receipts)
        # A mutation was executed, so its response is sent in any case.
        if is_query:
            reservation.grow(len(response.body))
        if request.method == "POST" or executed.errors:
            return response
        # The ETag must not depend on the query statistics, which differ each time.
        content = content_negotiation.result_response(media_type, executed) if receipts else response
        return with_etag(request, response, bytes(content.body))

    async def _authenticate(self, request: Request) -> Caller:
        """The caller. Runs before the body is read, so that bodies of unknown callers take no memory."""
        deadline = Deadline.after(self.request_timeout)
        await self.health.require_schema()
        return await self.authentication.caller(request, deadline)

    async def _execute(
        self,
        request: Request,
        params: Params,
        document: Document,
        operation: OperationDefinitionNode,
        caller: Caller,
        reserve: Callable[[int], None],
    ) -> Executed:
        """Execute the operation. A client disconnect cancels a query; a mutation is completed."""
        deadline = Deadline.after(self.request_timeout)
        yield_to_others = partial(self.scheduler.yield_to_others, caller.principal)
        receipt = QueryStatistics(budget=ResponseBudget(self.limits.response_limit, reserve))
        context = Context(
            self.database, deadline, caller, request_id(request), receipt, yield_to_others=yield_to_others
        )
        is_query = operation.operation is OperationType.QUERY
        async with cancel_on_disconnect(request) if is_query else nullcontext():
            return await execute(self.schema, document, operation, params.variables, context, self.cost_limit)


def _reserve(reservation: Reservation, body: int, is_query: bool, size: int) -> None:
    """Reserve memory for body, rows and response. Raises MemoryExhausted for a query.

    A mutation continues in any case, because it may have been executed.
    """
    if is_query and not reservation.fits(body + size):
        raise errors.MemoryExhausted
    reservation.resize(body + size)


def method_not_allowed(message: str, allowed: str) -> RequestError:
    return RequestError(coded_error(message, METHOD_NOT_ALLOWED), status=405, headers={"Allow": allowed})
