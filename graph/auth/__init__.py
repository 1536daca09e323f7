"""Authentication and scopes: API keys, JSON Web Tokens, callers."""
