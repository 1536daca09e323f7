"""GraphQL over HTTP: one endpoint for GET and POST, and GraphiQL for browsers."""

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
from graph.errors import METHOD_NOT_ALLOWED, Rejected, coded, logged
from graph.execution.document_cache import Document, Documents
from graph.execution.operation import Executed, execute
from graph.http import content_negotiation
from graph.http.client_disconnect import HungUp, while_connected
from graph.http.csrf import Origins
from graph.http.etag import tagged
from graph.http.graphiql import Ide
from graph.http.health import Health
from graph.http.persisted_queries import PersistedQueries
from graph.http.request_ids import request_id
from graph.http.request_params import Params, read_body
from graph.http.response_sending import send_response
from graph.http.trusted_documents import Trusted
from graph.limits.body_memory import BodyMemoryLimit, Reservation
from graph.limits.concurrency_limit import ConcurrencyLimit
from graph.limits.fair_scheduler import FairScheduler
from graph.limits.limit_settings import LimitSettings
from graph.limits.rate_limit import RateLimiter

METHODS = ["GET", "POST"]
RECEIPT = "tidegraph-receipt"
# The seconds after which what was busy or away is worth another try.
AGAIN = {"Retry-After": "1"}
# Nobody gets it; proxies log it for clients that hung up.
HUNG_UP = 499


@dataclass
class GraphQLEndpoint:
    """Answers by the GraphQL over HTTP specification; a request's whole time is `request_timeout` seconds.

    Whoever sends the header RECEIPT gets a receipt, with `receipts` everybody does.
    """

    schema: strawberry.Schema
    documents: Documents
    database: Database
    authentication: Authentication
    health: Health
    ide: Ide
    request_timeout: float
    cost_limit: int
    limits: LimitSettings
    rate_limiter: RateLimiter
    concurrency_limit: ConcurrencyLimit
    body_memory: BodyMemoryLimit
    trusted: Trusted
    receipts: bool = False
    origins: Origins = field(default_factory=Origins)
    scheduler: FairScheduler = field(default_factory=FairScheduler)
    persisted_queries: PersistedQueries = field(default_factory=PersistedQueries)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        with Reservation(self.body_memory) as reservation:
            response = await self._respond(request, reservation)
            await send_response(request, response, reservation, send)

    async def _respond(self, request: Request, reservation: Reservation) -> Response:
        if self.ide.is_wanted(request):
            return self.ide.page()
        media_type = content_negotiation.JSON
        try:
            if request.method not in METHODS:
                raise method_not_allowed("Send GET or POST.", ", ".join(METHODS))
            media_type = content_negotiation.negotiate(request.headers.getlist("accept"))
            self.origins.check(request)
            return await self._run(request, media_type, reservation)
        except Rejected as rejected:
            return content_negotiation.rejection(media_type, rejected)
        except HungUp:
            return Response(status_code=HUNG_UP)
        except errors.DatabaseError as error:
            return content_negotiation.rejection(
                media_type, Rejected(logged(error), status=503, headers=AGAIN)
            )
        except Exception as bug:
            return content_negotiation.rejection(media_type, Rejected(logged(bug), status=500))

    async def _run(self, request: Request, media_type: str, reservation: Reservation) -> Response:
        caller = await self._caller(request)
        await self.rate_limiter.count(caller.principal)
        reservation.principal = caller.principal
        body = await read_body(request, self.limits, reservation)
        async with self.concurrency_limit.slot(caller.principal):
            return await self._answer(request, body, media_type, caller, reservation)

    async def _answer(
        self, request: Request, body: bytes, media_type: str, caller: Caller, reservation: Reservation
    ) -> Response:
        await self.scheduler.yield_to_others(caller.principal)
        reservation.check()
        # Only now: read, it may take twenty times the memory, and those that wait may be many.
        find = partial(self.persisted_queries.get, caller.principal)
        params = Params.of(request, body, self.limits, self.trusted, find)
        document = self.documents.get(params.query)
        if params.sha256 is not None:
            self.persisted_queries.register(caller.principal, params.sha256, params.query)
        document.check_values(params.sizes, self.limits.value_limit)
        operation = document.operation(params.operation_name)
        if request.method == "GET" and operation.operation is not OperationType.QUERY:
            raise method_not_allowed("Send a mutation by POST.", "POST")
        is_query = operation.operation is OperationType.QUERY
        reserve = partial(_reserve, reservation, len(body), is_query)
        executed = await self._execute(request, params, document, operation, caller, reserve)
        receipts = self.receipts or request.headers.get(RECEIPT) == "1"
        answer = content_negotiation.result(media_type, executed, receipts)
        if is_query:
            # A mutation was carried out, and must be answered.
            reservation.grow(len(answer.body))
        if request.method == "POST" or executed.errors:
            return answer
        # A receipt is another each time.
        content = content_negotiation.result(media_type, executed) if receipts else answer
        return tagged(request, answer, bytes(content.body))

    async def _caller(self, request: Request) -> Caller:
        """Asked before the body is read: what nobody sends is not worth reading."""
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
        """A query ends with its client; a mutation is seen through, as its client cannot take it back."""
        deadline = Deadline.after(self.request_timeout)
        step = partial(self.scheduler.yield_to_others, caller.principal)
        receipt = QueryStatistics(budget=ResponseBudget(self.limits.response_limit, reserve))
        context = Context(self.database, deadline, caller, request_id(request), receipt, step=step)
        is_query = operation.operation is OperationType.QUERY
        try:
            async with while_connected(request) if is_query else nullcontext():
                return await execute(
                    self.schema, document, operation, params.variables, context, self.cost_limit
                )
        finally:
            context.loaders.close()


def _reserve(reservation: Reservation, body: int, is_query: bool, size: int) -> None:
    """Reserve memory for the rows and the response of a request that is executed; its body stays reserved.

    A mutation goes on in any case: it may have been carried out. Raises MemoryExhausted.
    """
    if is_query and not reservation.fits(body + size):
        raise errors.MemoryExhausted
    reservation.resize(body + size)


def method_not_allowed(message: str, allowed: str) -> Rejected:
    return Rejected(coded(message, METHOD_NOT_ALLOWED), status=405, headers={"Allow": allowed})
