"""Documents are kept in a bounded piece of memory, whoever sends them."""

import subprocess
import sys
from contextlib import suppress

import pytest

from graph.app import documents
from graph.errors import RequestError
from graph.settings import Settings

# In a process of its own, whose memory is nobody else's; all of it is warm after the first 5,000. Most
# have a syntax error, which is as good a document to a cache and takes a tenth of the time here.
SEND_EVER_NEW_ONES = """
import os
from contextlib import suppress
from pathlib import Path

from graph import schema
from graph.limits.limit_settings import LimitSettings
from graph.execution.document_cache import Documents
from graph.errors import RequestError

def megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

documents = Documents(schema.build()._schema, LimitSettings(), suggestions=False)
texts = ["{ a%d: __typename }", "{ nothing%d }", *("{ a%d" + " a" * (each % 8) for each in range(98))]
for number in range(50_000):
    with suppress(RequestError):
        documents.get(texts[number % 100] % number)
    if number == 5_000:
        before = megabytes()
print(megabytes() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads how much memory is used from /proc")
def test_ever_new_documents_take_no_more_memory() -> None:
    """50,000 of them, good and bad, are no more than the first thousands."""
    printed = subprocess.check_output([sys.executable, "-c", SEND_EVER_NEW_ONES], text=True)

    assert float(printed) < 1


def test_applications_of_the_same_settings_share_documents() -> None:
    """Others have their own: what is refused depends on the limits."""
    one, same, other = [documents(Settings(_env_file=None, token_limit=most)) for most in (5, 5, 6)]

    assert one is same
    assert one is not other


@pytest.mark.parametrize("text", ["{ a }", '{ a(b: "%s" ', '{ customers(a: "%s") { nodes { id } } }'])
def test_long_documents_are_not_cached(text: str) -> None:
    """Whether they are too long, cannot be parsed or are invalid: the text is the key, and counts."""
    cache = documents.__wrapped__(Settings(_env_file=None))
    for length in (30_000, 90_000, 900_000):
        with suppress(RequestError):
            cache.get(text.replace("%s", "x" * length) + " " * length)

    assert 0 == len(cache._cache)
