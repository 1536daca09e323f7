"""Mutations: inputs, payloads, user errors and resolvers."""
