"""Authentication and scopes: API keys, JSON Web JwtVerifier, callers."""
