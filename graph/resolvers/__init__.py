"""Mutations: decode the input, make one call into `db`, give back the row."""
