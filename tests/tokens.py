"""Tokens to ask with, signed as an identity provider does it, and the public keys of it."""

import json
import time
import warnings
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt import PyJWS
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.warnings import InsecureKeyLengthWarning

ISSUER, AUDIENCE = "https://id.example.com/", "https://shop.example.com/graphql"
SETTINGS = {"auth": "jwt", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
PRIVATE: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
ALGORITHMS: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


def public(algorithm: str, private: Any = None, **more: Any) -> dict[str, Any]:
    """The JWK of a key; its id is the algorithm's name."""
    key = (private or PRIVATE[algorithm]).public_key()
    return {**ALGORITHMS[algorithm].to_jwk(key, as_dict=True), "kid": algorithm, **more}


def jwks(*keys: dict[str, Any]) -> str:
    return json.dumps({"keys": list(keys or map(public, PRIVATE))})


def jwks_file(folder: Path, *keys: dict[str, Any]) -> str:
    """A file with these keys, or all; where it is."""
    path = folder / "jwks.json"
    path.write_text(jwks(*keys))
    return str(path)


def claims(**more: Any) -> dict[str, Any]:
    """Those of a good token; None takes one out."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 60, "scope": "admin"}
    return {name: value for name, value in (good | more).items() if value is not None}


def token(algorithm: str = "RS256", *, key: Any = None, headers: Any = None, **more: Any) -> str:
    """A token signed with `key`, or with the provider's; `more` are claims."""
    content = json.dumps(claims(**more)).encode()
    with warnings.catch_warnings():
        # The library signs with no short key unwarned, and no bad claims at all.
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        headers = {"kid": algorithm, **(headers or {})}
        return PyJWS().encode(content, key or PRIVATE[algorithm], algorithm, headers)
