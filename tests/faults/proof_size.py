"""How large a proof is: small with the other tests, full by `make test-faults`."""

import os

FULL = os.environ.get("TIDEGRAPH_TEST_FAULTS") == "full"


def sized_for(small: int, full: int) -> int:
    return full if FULL else small
