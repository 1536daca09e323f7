"""GraphQL over HTTP, part by part: what a request may be and what its answer looks like."""
