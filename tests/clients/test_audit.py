"""The audit of graphql-http, which nobody here wrote, against a real server."""

from pathlib import Path

import pytest

from tests.clients import packages
from tests.processes import Serving

pytestmark = pytest.mark.tools
AUDIT = Path(__file__).parent / "audit"


@pytest.fixture(scope="module")
def audit() -> Path:
    packages.install(AUDIT)
    return AUDIT


def test_every_check_of_the_audit_passes(audit: Path, server: Serving) -> None:
    """What a server MUST, SHOULD and MAY do by the GraphQL over HTTP specification."""
    results = packages.run(audit, "audit.js", f"{server.url}/graphql")

    assert [] == [result for result in results if result["status"] != "ok"]
    assert 61 == len(results)
