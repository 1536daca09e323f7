"""Whatever happens to COMMIT and its answer, a mutation that is sent until it is answered happens once."""

from collections.abc import Callable
from random import Random

import pytest

from db.engine.database import Database
from tests.api import Api
from tests.conftest import on_tidb
from tests.faults import report
from tests.faults.client import Client
from tests.faults.ledger import Audit, audit
from tests.faults.proof_size import sized_for
from tests.faults.proxy import TidbProxy
from tests.faults.random_faults import RandomFaults
from tests.faults.workload import Workload

pytestmark = pytest.mark.proof

CLIENTS = 12


@on_tidb
async def test_mutations_happen_once_through_a_line_that_is_cut(
    database: Database,
    proxied: Database,
    proxy: TidbProxy,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """The line breaks before, after and at COMMIT and elsewhere; clients go away, and come again."""
    monkeypatch.setattr("db.engine.database.END_TIMEOUT", 0.3)
    seed = Random().getrandbits(32)
    proxy.at_random(RandomFaults(Random(seed)))
    async with Api.of(proxied, request_timeout=2, lock_timeout=0.9, env="development") as api:
        clients = [Client(api.send, Random(seed + number)) for number in range(CLIENTS)]
        await Workload(Random(seed)).run(clients, sized_for(60, 1000))
        proxy.mend()
        again = [await client.differing() for client in clients]
    found = await audit(database, [each for client in clients for each in client.acknowledged])
    cuts = report.listed(proxy.cuts)
    record_property("figures", report.of_clients(clients, found, f"cuts: {cuts}", f"seed {seed}"))

    assert Audit([], [], []) == found
    assert [[]] * CLIENTS == again
