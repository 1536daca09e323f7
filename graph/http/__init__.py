"""GraphQL over HTTP: endpoint, server process, content negotiation, CSRF, ETags, probes."""
