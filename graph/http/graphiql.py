"""The page that a browser gets at /graphql: our GraphiQL where it is built, Strawberry's elsewhere."""

import base64
import hashlib
import re
from pathlib import Path

from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
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
LINKED = re.compile(r'<(script|link)\b[^>]*\b(?:src|href)="(https://[^"]+)"')
INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def policy(html: str) -> str:
    """POLICY, and the scripts and style sheets that the page names: by address those of other origins."""
    scripts, styles = (
        [url for kind, url in LINKED.findall(html) if kind == tag] for tag in ("script", "link")
    )
    for text in INLINE.findall(html):
        scripts.append(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'")
    return POLICY.replace("script-src 'self'", " ".join(["script-src 'self'", *scripts])).replace(
        "style-src 'self'", " ".join(["style-src 'self'", *styles])
    )


class Assets(StaticFiles):
    """The bundle's files; their names are hashes of their content, so they never change."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


class Ide:
    """GraphiQL from `dist`, which loads nothing from outside; without it, a page that needs internet.

    That page's scripts have fixed versions and integrity hashes.
    """

    def __init__(self, dist: Path = DIST) -> None:
        self._assets = dist / "graphql" / "assets"
        index = dist / "index.html"
        self.is_built = index.is_file()
        self._html = (
            index.read_text("utf-8") if self.is_built else get_graphql_ide_html(graphql_ide="graphiql")
        )
        self._policy = policy(self._html)

    def is_wanted(self, request: Request) -> bool:
        """A browser that opens the address, not one that runs a query."""
        accepts_html = "text/html" in request.headers.get("accept", "")
        return request.method == "GET" and accepts_html and "query" not in request.query_params

    def page(self) -> Response:
        headers = {"Cache-Control": "no-cache", "Vary": "Accept", "Content-Security-Policy": self._policy}
        return HTMLResponse(self._html, headers=headers)

    def routes(self) -> list[Mount]:
        if not self.is_built:
            return []
        return [Mount(ASSETS, Assets(directory=self._assets), middleware=[Middleware(GZipMiddleware)])]
