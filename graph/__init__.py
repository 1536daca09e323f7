"""From HTTP to the batch functions: the GraphQL API over `db`."""
