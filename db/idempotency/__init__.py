"""Idempotent writes and their stored results."""
