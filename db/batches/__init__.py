"""Bulk mutations: many customers or orders in a fixed number of statements."""
