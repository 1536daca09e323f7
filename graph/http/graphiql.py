"""GraphiQL at /graphql: our own bundle if it is built, otherwise Strawberry's page."""

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
BASE_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
LINKED = re.compile(r'<(script|link)\b[^>]*\b(?:src|href)="(https://[^"]+)"')
INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def content_security_policy(html: str) -> str:
    """The Content-Security-Policy of a page: BASE_POLICY plus the scripts and style sheets in its HTML."""
    scripts, styles = (
        [url for kind, url in LINKED.findall(html) if kind == tag] for tag in ("script", "link")
    )
    for text in INLINE.findall(html):
        scripts.append(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'")
    return BASE_POLICY.replace("script-src 'self'", " ".join(["script-src 'self'", *scripts])).replace(
        "style-src 'self'", " ".join(["style-src 'self'", *styles])
    )


class Assets(StaticFiles):
    """Files of the bundle. Their names contain content hashes, so they are cached forever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


class GraphiQL:
    """GraphiQL from `dist`, which works offline. Without `dist`, Strawberry's page loads it from a CDN.

    The scripts of that page have fixed versions and integrity hashes.
    """

    def __init__(self, dist: Path = DIST) -> None:
        self._assets = dist / "graphql" / "assets"
        index = dist / "index.html"
        self.is_built = index.is_file()
        self._html = (
            index.read_text("utf-8") if self.is_built else get_graphql_ide_html(graphql_ide="graphiql")
        )
        self._policy = content_security_policy(self._html)

    def is_requested(self, request: Request) -> bool:
        """Whether a browser opens the page, rather than running a query by GET."""
        accepts_html = "text/html" in request.headers.get("accept", "")
        return request.method == "GET" and accepts_html and "query" not in request.query_params

    def page(self) -> Response:
        headers = {"Cache-Control": "no-cache", "Vary": "Accept", "Content-Security-Policy": self._policy}
        return HTMLResponse(self._html, headers=headers)

    def routes(self) -> list[Mount]:
        if not self.is_built:
            return []
        return [Mount(ASSETS, Assets(directory=self._assets), middleware=[Middleware(GZipMiddleware)])]
