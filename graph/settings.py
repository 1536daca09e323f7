"""Settings: TIDEGRAPH_… environment variables and .env, validated before anything starts."""

import os
import re
from collections.abc import Iterable
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv.parser import parse_stream
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from db.engine.database import Database
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from graph.auth import jwks
from graph.http import trusted_documents
from graph.http.trusted_documents import TrustedDocuments
from graph.limits.limit_settings import LimitSettings, Seconds

PREFIX = "TIDEGRAPH_"
TEST_PREFIX = "TIDEGRAPH_TEST_"
ENV_FILE = Path(".env")
# Kubernetes sets variables for each Service of a namespace in all its containers. Those of a Service named
# tidegraph or tidegraph-… begin with PREFIX and are ignored. They are recognized by name and value, because
# TIDEGRAPH_PORT=9000 is a mistake of the operator and is rejected.
_PORT, _ADDRESS = r"\d{1,5}", r"[\da-f]*[.:][\da-f.:]+"
_URL = rf"(tcp|udp|sctp)://(\[{_ADDRESS}\]|[\d.]+):{_PORT}"
_SERVICE_VARIABLES = {
    "SERVICE_HOST": _ADDRESS,
    "SERVICE_PORT(_[A-Z0-9_]+)?": _PORT,
    r"PORT(_\d+_(TCP|UDP|SCTP))?": _URL,
    r"PORT_\d+_(TCP|UDP|SCTP)_PROTO": "tcp|udp|sctp",
    r"PORT_\d+_(TCP|UDP|SCTP)_PORT": _PORT,
    r"PORT_\d+_(TCP|UDP|SCTP)_ADDR": _ADDRESS,
}
KUBERNETES = re.compile(
    "|".join(f"TIDEGRAPH(_[A-Z0-9_]+)?_{name}=({value})" for name, value in _SERVICE_VARIABLES.items()),
    re.ASCII,
)
ORIGIN = re.compile(r"https?://([\w.-]+|\[[0-9a-f:]+\])(:\d+)?", re.ASCII | re.IGNORECASE)


class SettingsError(Exception):
    """A setting is invalid; the message is one line for the operator."""


class Settings(LimitSettings, BaseSettings):
    """Every setting with its default, including those of LimitSettings. The description is the README's."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True)

    database_url: str = Field(
        "sqlite:///tidegraph.db",
        repr=False,
        description=(
            "Database URL: SQLite, `tidb://user:password@host:4000/name`, or the same with a chosen "
            "driver: `mysql+asyncmy://…` or `mysql+aiomysql://…`."
        ),
    )
    env: Literal["development", "production"] = Field(
        "production",
        description=(
            "Environment: `development` adds suggestions and query statistics to responses, plain-text "
            "logs, and CORS for localhost."
        ),
    )
    jwt_jwks: str = Field(
        "",
        description=(
            "JSON Web Key Set that verifies tokens: a file, or an https URL (http on loopback only)."
        ),
    )
    jwt_issuer: str = Field("", description="JWT issuer: tokens must have exactly this `iss`.")
    jwt_audience: str = Field(
        "", description="JWT audience: tokens must have exactly this `aud`, or a list that contains it."
    )
    jwt_scope_claim: str = Field(
        "scope",
        min_length=1,
        description="JWT claim holding the token's scopes, as space-separated text or as a list.",
    )
    jwt_customer_claim: str = Field(
        "",
        description=(
            "JWT claim holding the customer ID that the token is restricted to, or `*` for no restriction."
        ),
    )
    auth: Literal["none", "keys", "jwt", "keys,jwt"] = Field(
        "none",
        validate_default=True,
        description=(
            "Authentication methods: `none`, `keys` (API keys), `jwt` (JSON Web Tokens), or `keys,jwt`."
        ),
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "CORS origins: browser apps that may call the API, separated by commas; in development also "
            "any localhost port."
        ),
    )
    introspection: bool = Field(
        True, description="Introspection: whether clients can query the schema, as GraphQL tools do."
    )
    federation: bool = Field(
        False, description="Apollo Federation: serve a subgraph, with `_service` and `_entities`."
    )
    request_timeout: Seconds = Field(
        10, description="Request timeout in seconds; a slower request ends with `TIMEOUT`."
    )
    cost_limit: int = Field(
        20_000,
        ge=1,
        le=1_000_000,
        description=(
            "Maximum cost of an operation in points; docs/reading-cost.md lists the cost of each field."
        ),
    )
    lock_timeout: Seconds = Field(
        3,
        validate_default=True,
        description=(
            "Lock wait timeout in seconds, for each of two attempts; TiDB rounds it to whole seconds."
        ),
    )
    retry_attempts: int = Field(
        12,
        ge=1,
        le=100,
        description=(
            "Maximum attempts of a transaction before `CONFLICT`; all mutations of a request share the "
            "retries."
        ),
    )
    retry_timeout: Seconds = Field(
        8, description="Retry timeout: seconds from a transaction's first failed attempt to its last."
    )
    idempotency_hours: float = Field(
        24,
        gt=0,
        le=24 * 365,
        allow_inf_nan=False,
        description="Lifetime of idempotency keys in hours.",
    )
    pool_size: int = Field(
        10,
        ge=1,
        le=1000,
        description=(
            "Connection pool size for reads, and the same for writes (SQLite: 1); one request reads on at"
            " most half of them."
        ),
    )
    pool_timeout: Seconds = Field(
        5, description="Pool timeout: seconds to wait for a free database connection."
    )
    pool_recycle: float = Field(
        300,
        gt=0,
        le=24 * 3600,
        allow_inf_nan=False,
        description=(
            "Maximum age of a TiDB connection in seconds; an older one is replaced at its next use."
        ),
    )
    trusted_documents: str = Field(
        "",
        description=(
            "Trusted documents: a JSON file of GraphQL documents by ID, so that clients can send the ID "
            "alone."
        ),
    )
    only_trusted_documents: bool = Field(
        False, description="Trusted documents only: reject every other document."
    )
    shutdown_delay: float = Field(
        1,
        ge=0,
        le=300,
        allow_inf_nan=False,
        description=(
            "Shutdown delay: seconds from SIGTERM, when `/readyz` starts to fail, until the listener closes."
        ),
    )

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, text: str) -> str:
        DatabaseUrl.parse(text)
        return text

    @field_validator("lock_timeout")
    @classmethod
    def _check_lock_timeout(cls, seconds: float, info: ValidationInfo) -> float:
        # Otherwise lock waits would end with TIMEOUT, which says less than CONFLICT. An invalid
        # request_timeout is reported on its own.
        if 2 * seconds >= info.data.get("request_timeout", inf):
            raise ValueError(f"must be less than half of {PREFIX}REQUEST_TIMEOUT: locks are waited for twice")
        return seconds

    @field_validator("jwt_jwks")
    @classmethod
    def _check_jwks(cls, source: str) -> str:
        if source:
            jwks.check(source)
        return source

    @field_validator("auth")
    @classmethod
    def _check_auth(cls, auth: str, info: ValidationInfo) -> str:
        # An invalid setting is reported on its own.
        missing = [name for name in ("jwt_jwks", "jwt_issuer", "jwt_audience") if info.data.get(name) == ""]
        if "jwt" in auth and missing:
            raise ValueError(f"{auth} requires {', '.join(f'{PREFIX}{name.upper()}' for name in missing)}")
        # An operator who configures JWKS expects JWTs to be required.
        if "jwt" not in auth and info.data.get("jwt_jwks"):
            raise ValueError(f"must be jwt or keys,jwt when {PREFIX}JWT_JWKS is set")
        return auth

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"must list origins such as https://app.example.com, not {origin!r}")
        # Browsers send origins in lower case.
        return tuple(origin.lower() for origin in origins)

    @field_validator("trusted_documents")
    @classmethod
    def _check_trusted_documents(cls, path: str) -> str:
        if path:
            trusted_documents.load(path)
        return path

    @field_validator("only_trusted_documents")
    @classmethod
    def _check_only_trusted_documents(cls, only: bool, info: ValidationInfo) -> bool:
        if only and not info.data.get("trusted_documents", True):
            raise ValueError(f"requires {PREFIX}TRUSTED_DOCUMENTS")
        return only

    @property
    def is_development(self) -> bool:
        return self.env == "development"

    @property
    def authenticates(self) -> bool:
        """Whether requests need a credential."""
        return self.auth != "none"

    @property
    def redacted_database_url(self) -> str:
        """The database's URL without its password."""
        return str(DatabaseUrl.parse(self.database_url))

    def trusted(self) -> TrustedDocuments:
        """The trusted documents, read from the file now."""
        documents = trusted_documents.load(self.trusted_documents) if self.trusted_documents else {}
        return TrustedDocuments(documents, only=self.only_trusted_documents)

    def database(self) -> Database:
        """A new Database with these settings."""
        limits = Limits(
            pool_size=self.pool_size,
            pool_timeout=self.pool_timeout,
            pool_recycle=self.pool_recycle,
            lock_timeout=self.lock_timeout,
            idle_timeout=self.request_timeout,
            retry_attempts=self.retry_attempts,
            retry_seconds=self.retry_timeout,
            key_lifetime=self.idempotency_hours * 3600,
        )
        return Database(DatabaseUrl.parse(self.database_url), limits)


def load(env_file: Path = ENV_FILE, **given: Any) -> Settings:
    """Settings from `given`, the environment and `.env`, in order of precedence. Raises SettingsError."""
    injected = {name for name, value in os.environ.items() if KUBERNETES.fullmatch(f"{name}={value}")}
    _reject_unknown(os.environ.keys() - injected, "the environment")
    try:
        in_file = _names_in_env_file(env_file)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    _reject_unknown(in_file, str(env_file))
    try:
        return Settings(_env_file=env_file, **given)  # type: ignore[call-arg]
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None


def _names_in_env_file(path: Path) -> list[str]:
    """The names that the file sets, empty if there is no file. Raises ValueError for a malformed line.

    `dotenv_values` would skip malformed lines with a warning.
    """
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8") as lines:
            bindings = list(parse_stream(lines))
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    for binding in bindings:
        if binding.error:
            # The parser counts empty lines before a binding as part of it.
            text = binding.original.string
            line = binding.original.line + len(text) - len(text.lstrip("\n"))
            raise ValueError(f"{path}, line {line}: write NAME=value.")
    return [binding.key for binding in bindings if binding.key]


def _reject_unknown(names: Iterable[str], source: str) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(names):
        upper = name.upper()
        if upper.startswith(PREFIX) and upper not in known and not upper.startswith(TEST_PREFIX):
            raise SettingsError(f"{name} in {source} is not a setting. Known: {', '.join(sorted(known))}.")


def _shorter(found: re.Match[str]) -> str:
    return "must" if found.group(1) else ""


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=True, include_input=False)[0]
    cause = first.get("ctx", {}).get("error")
    reason = str(cause or re.sub(r"^(Input|String) should|, (unable|got) .*", _shorter, first["msg"]))
    return f"{PREFIX}{str(first['loc'][0]).upper()} {reason}."
