"""Customer search: the `search` argument, its checks, and how it restricts a connection."""

from collections.abc import Mapping
from typing import Any

from db import unique_text
from db.pagination.keyset import ConnectionSpec
from db.search import customer_search
from db.search.customer_search import Search
from db.search.text_folding import prefixes
from graph.errors import BadUserInput
from graph.types.fields import argument

MAX_SEARCH_LENGTH, MAX_WORDS = 254, 16

SEARCH = argument(
    "search",
    str | None,
    "Prefix search in username, name and e-mail, ignoring case and accents: every word of this text must "
    "match the start of a word; in scripts without spaces, such as Chinese, also inside words. Blank text "
    f"means no search. At most {MAX_SEARCH_LENGTH} characters and {MAX_WORDS} words (a-b has two). Not "
    "together with orderBy: exact words rank before prefixes, then newest first. Above "
    f"{customer_search.MAX_RANKED} matches, newest first, and totalCount stops there.",
)


def apply_search(scope: ConnectionSpec, arguments: Mapping[str, Any]) -> ConnectionSpec:
    """The scope, narrowed to what `search` finds; blank text is as if absent. Raises BadUserInput."""
    query = unique_text.normalize(arguments.get("search") or "")
    if not query:
        return scope
    if arguments.get("order_by"):
        raise BadUserInput("search and orderBy cannot be used together: search ranks its results.")
    if len(query) > MAX_SEARCH_LENGTH:
        raise BadUserInput(f"search must have at most {MAX_SEARCH_LENGTH} characters.")
    found = Search.of(scope, query)
    if len(prefixes(found.terms)) > MAX_WORDS:
        raise BadUserInput(f"search must have at most {MAX_WORDS} words (a-b has two).")
    return found


def search_count_limit(scope: ConnectionSpec, limit: int) -> int:
    """Up to how many rows totalCount counts: at most MAX_RANKED in a search."""
    return min(limit, customer_search.MAX_RANKED) if isinstance(scope, Search) else limit


def best_first(scope: ConnectionSpec) -> bool | None:
    """Whether a search is sorted by rank; None without a search."""
    return scope.best_first if isinstance(scope, Search) else None
