"""The page that a browser gets at /graphql: our GraphiQL where it is built, Strawberry's elsewhere."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from strawberry.http.ides import get_graphql_ide_html

DIST = Path(__file__).parents[1] / "graphiql" / "dist"
ASSETS = "/graphql/assets"
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


class Assets(StaticFiles):
    """The bundle's files; their names are hashes of their content, so they never change."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


class Ide:
    """GraphiQL from `dist`, which loads nothing from outside; without it, a page that needs internet."""

    def __init__(self, dist: Path = DIST) -> None:
        self._assets = dist / "graphql" / "assets"
        index = dist / "index.html"
        self.is_built = index.is_file()
        self._html = index.read_text() if self.is_built else get_graphql_ide_html(graphql_ide="graphiql")

    def is_wanted(self, request: Request) -> bool:
        """A browser that opens the address, not one that runs a query."""
        accepts_html = "text/html" in request.headers.get("accept", "")
        return request.method == "GET" and accepts_html and "query" not in request.query_params

    def page(self) -> Response:
        headers = {"Cache-Control": "no-cache", "Vary": "Accept"}
        if self.is_built:
            headers["Content-Security-Policy"] = POLICY
        return HTMLResponse(self._html, headers=headers)

    def routes(self) -> list[Mount]:
        return [Mount(ASSETS, Assets(directory=self._assets))] if self.is_built else []
