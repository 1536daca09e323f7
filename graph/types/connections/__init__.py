"""Relay connections: pages and their arguments (where, orderBy, search, snapshot)."""
