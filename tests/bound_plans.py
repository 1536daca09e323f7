"""The plan of a query with its variables, as the executor gets it."""

from collections.abc import Mapping
from typing import Any

from graphql import DocumentNode
from graphql.execution.values import VariableValues, get_variable_values

from graph.execution.document_cache import Document
from graph.execution.plan import BoundPlan
from graph.schema import build


def bound(node: DocumentNode, variables: Mapping[str, Any]) -> BoundPlan:
    """The plan of the document's only operation."""
    schema = build()
    document = Document(node, length=0)
    operation = document.operation(None)
    values = get_variable_values(schema._schema, operation.variable_definitions or (), dict(variables))
    assert isinstance(values, VariableValues), values
    return BoundPlan(document.plan(schema._schema, operation, values), values, schema)
