"""CSRF protection, CORS and protection against DNS rebinding: which web pages may call the API."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request

from graph.errors import FORBIDDEN, RequestError, coded_error
from graph.http.request_ids import REQUEST_ID_HEADER

LOCALHOST = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
# Characters of an origin that an error message repeats.
MAX_SHOWN = 100
HOST_NOT_ALLOWED = (
    "This Host is not allowed. Without authentication the server accepts localhost and IP addresses: "
    "set TIDEGRAPH_AUTH, or use --insecure."
)


@dataclass(frozen=True, slots=True)
class OriginPolicy:
    """Allows the `listed` origins exactly, and with `localhost` any port of this machine.

    With `loopback_only`, requests must address the server by localhost or by an IP address.
    """

    listed: tuple[str, ...] = ()
    localhost: bool = False
    loopback_only: bool = False

    def check(self, request: Request) -> None:
        """Raises RequestError (403) for requests that a browser sends for a page of another site."""
        self._check_dns_rebinding(request)
        self._check_csrf(request)

    def cors_middleware(self) -> Middleware:
        """Starlette's CORS middleware, which lets pages of the allowed origins read responses."""
        return Middleware(
            CORSMiddleware,
            allow_origins=self.listed,
            allow_origin_regex=LOCALHOST if self.localhost else None,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=[REQUEST_ID_HEADER],
            max_age=3600,
        )

    def _check_dns_rebinding(self, request: Request) -> None:
        # A page's owner can let its host name resolve to 127.0.0.1. To the browser the page then has the
        # same origin as the server, so only the name in Host tells them apart.
        if self.loopback_only and not _is_local_host(request.headers.get("host", "")):
            raise RequestError(coded_error(HOST_NOT_ALLOWED, FORBIDDEN), status=403)

    def _check_csrf(self, request: Request) -> None:
        # CORS only hides responses: a browser sends forms and simple requests to any site.
        origin = request.headers.get("origin")
        if not (origin and self._allows(origin)) and not _is_same_origin(request, origin):
            named = f"Origin {origin[:MAX_SHOWN]}" if origin else "This origin"
            message = f"{named} is not allowed. Add it to TIDEGRAPH_CORS_ORIGINS."
            raise RequestError(coded_error(message, FORBIDDEN), status=403)

    def _allows(self, origin: str) -> bool:
        return origin in self.listed or (self.localhost and bool(re.fullmatch(LOCALHOST, origin)))


def _is_same_origin(request: Request, origin: str | None) -> bool:
    """Whether the request comes from our own page, or from no browser at all."""
    site = request.headers.get("sec-fetch-site", "none")
    # Scripts cannot set Sec-Fetch-Site. It is checked first because a proxy may have changed Host.
    if site == "same-origin":
        return True
    host = request.headers.get("host", "")
    return site == "none" and (origin is None or origin.partition("://")[2] == host.lower() != "")


def _is_local_host(host: str) -> bool:
    """Whether Host is empty, localhost, *.localhost or an IP address: no public page has such a name."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
        return name in {"", "localhost"} or name.endswith(".localhost") or bool(ip_address(name))
    except ValueError:
        return False
