"""Which pages may call the API from a browser: those of its own origin, and of those that are allowed."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request

from graph.errors import FORBIDDEN, Rejected, coded

LOCALHOST = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
# Characters of an origin that a message repeats.
MAX_SHOWN = 100
FOREIGN_NAME = (
    "Without authentication the server answers by localhost and by addresses, not by other names: "
    "set TIDEGRAPH_AUTH, or say --insecure."
)


@dataclass(frozen=True, slots=True)
class Origins:
    """Those that are `listed`, exactly, and with `localhost` any port of this machine.

    A server that is not `guarded` is our own by no other name than this machine's.
    """

    listed: tuple[str, ...] = ()
    localhost: bool = False
    guarded: bool = True

    @property
    def pattern(self) -> str | None:
        return LOCALHOST if self.localhost else None

    def check(self, request: Request) -> None:
        """Raises Rejected for what a browser sends for another site's page.

        A form or a script of that page needs no leave to send it, only to read the answer.
        """
        # To a browser a page and all that its name leads to are one site, and the name may lead here now.
        if not (self.guarded or _is_this_machine(request.headers.get("host", ""))):
            raise Rejected(coded(FOREIGN_NAME, FORBIDDEN), status=403)
        origin = request.headers.get("origin")
        if not (origin and self._allow(origin)) and not _is_own(request, origin):
            named = f"Origin {origin[:MAX_SHOWN]}" if origin else "This origin"
            message = f"{named} is not allowed. Add it to TIDEGRAPH_CORS_ORIGINS."
            raise Rejected(coded(message, FORBIDDEN), status=403)

    def _allow(self, origin: str) -> bool:
        return origin in self.listed or (self.localhost and bool(re.fullmatch(LOCALHOST, origin)))


def _is_own(request: Request, origin: str | None) -> bool:
    """Whether it comes from our own page, or from no page at all, as all that is sent without a browser."""
    site = request.headers.get("sec-fetch-site", "none")
    # A proxy may have changed Host, but no page can write Sec-Fetch-Site.
    if site == "same-origin":
        return True
    host = request.headers.get("host", "")
    return site == "none" and (origin is None or origin.partition("://")[2] == host.lower() != "")


def _is_this_machine(host: str) -> bool:
    """Whether it is a name that no page can have: none, localhost, or an address."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
        return name in {"", "localhost"} or name.endswith(".localhost") or bool(ip_address(name))
    except ValueError:
        return False
