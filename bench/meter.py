"""What a server has used since it started: CPU, statements and rows, served at /meter."""

import time
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send


class Meter:
    """Counts for one process; wraps its application."""

    def __init__(self) -> None:
        self.statements = self.rows = 0

    def count(self, rows: int) -> None:
        """One statement and its rows."""
        self.statements += 1
        self.rows += max(0, rows)

    def watch(self, engine: AsyncEngine) -> None:
        """Count the statements of an engine and their rows."""

        def counted(
            _connection: Any, _cursor: Any, _text: str, _values: Any, context: Any, _many: bool
        ) -> None:
            self.count(context.rowcount)

        sa.event.listen(engine.sync_engine, "after_cursor_execute", counted)

    def around(self, app: ASGIApp) -> ASGIApp:
        async def metered(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] == "/meter":
                used = {"cpu": time.process_time(), "statements": self.statements, "rows": self.rows}
                await Response(orjson.dumps(used))(scope, receive, send)
            else:
                await app(scope, receive, send)

        return metered
