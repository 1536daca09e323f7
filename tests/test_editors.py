"""What editors read to complete GraphQL: a schema that is there, and documents that are valid against it."""

from pathlib import Path

import pytest
import yaml
from graphql import build_schema, parse, validate

ROOT = Path(__file__).parents[1]
CONFIG = yaml.safe_load((ROOT / ".graphqlrc.yml").read_text())
EXAMPLES = sorted((ROOT / "graph" / "graphiql" / "examples").glob("*.graphql"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_a_document_is_valid_against_the_schema_that_editors_read(path: Path) -> None:
    """As an editor would say."""
    schema = build_schema((ROOT / CONFIG["schema"]).read_text())

    assert [] == validate(schema, parse(path.read_text()))
