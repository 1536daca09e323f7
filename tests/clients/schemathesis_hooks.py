"""What schemathesis is told of this API: how its scalars are written, and which codes are its own doing."""

from schemathesis import graphql
from schemathesis.specs.graphql import validation

from tests.test_fuzz import CODES, FAULTS, scalars

for name, strategy in scalars.items():
    graphql.scalar(name, strategy)
# There is no setting for it.
validation.CLIENT_ERROR_MARKERS |= CODES - FAULTS
