"""Keyset pagination: filters, sorts, cursors and the SQL of pages and counts."""
