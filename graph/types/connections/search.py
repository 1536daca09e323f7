"""`search`: its argument, what it refuses, and how it narrows a scope."""

from collections.abc import Mapping
from typing import Any

from db import unique_text
from db.pagination.keyset import ConnectionSpec
from db.search import customer_search
from db.search.customer_search import Search
from db.search.text_folding import prefixes
from graph.errors import BadUserInput
from graph.types.fields import argument

LONGEST, MOST_WORDS = 254, 16

SEARCH = argument(
    "search",
    str | None,
    "Only customers who have words in handle, name or e-mail that begin with each word of this, whatever the "
    "case and the accents; in scripts without spaces, such as Chinese, also inside words. A blank text is as "
    f"if absent. It has at most {LONGEST} characters and {MOST_WORDS} words or parts of words, as a-b has "
    "two, and excludes orderBy: the best come first, exact words before beginnings, "
    f"then the newest; past {customer_search.MAX_RANKED} matches the newest, and totalCount counts no "
    "further.",
)


def searched(scope: ConnectionSpec, arguments: Mapping[str, Any]) -> ConnectionSpec:
    """The scope, narrowed to what `search` finds; blank text is as if absent. Raises BadUserInput."""
    query = unique_text.normalize(arguments.get("search") or "")
    if not query:
        return scope
    if arguments.get("order_by"):
        raise BadUserInput("Give search or orderBy, not both: search has an order of its own.")
    if len(query) > LONGEST:
        raise BadUserInput(f"search must have at most {LONGEST} characters.")
    found = Search.of(scope, query)
    if len(prefixes(found.terms)) > MOST_WORDS:
        raise BadUserInput(f"search must have at most {MOST_WORDS} words or parts of words.")
    return found


def search_count(scope: ConnectionSpec, limit: int) -> int:
    """How far the rows of a scope are counted: those of a search as far as they are ranked."""
    return min(limit, customer_search.MAX_RANKED) if isinstance(scope, Search) else limit


def best_first(scope: ConnectionSpec) -> bool | None:
    """Whether a search has its best rows first; None without a search."""
    return scope.best_first if isinstance(scope, Search) else None
