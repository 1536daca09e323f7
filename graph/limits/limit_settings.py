"""Settings of the limits, as a base class of all settings."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from graph.limits import rate_limit

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class LimitSettings(BaseModel):
    """Each limit is checked before the work that it limits, on the operation with its fragments expanded."""

    model_config = ConfigDict(frozen=True)

    body_limit: int = Field(
        1_000_000, ge=1, le=100_000_000, description="Maximum size of a request body in bytes."
    )
    bodies_limit: int = Field(
        50_000_000,
        le=100_000_000_000,
        validate_default=True,
        description=(
            "Memory for all request and response bodies in flight, in bytes, at least twice "
            "`TIDEGRAPH_BODY_LIMIT`; the first 16 kB of each is free."
        ),
    )
    document_limit: int = Field(
        100_000,
        ge=1,
        le=100_000_000,
        description="Maximum length of a GraphQL document in characters, without variables.",
    )
    response_limit: int = Field(
        10_000_000,
        ge=10_000,
        le=1_000_000_000,
        description="Maximum size of a response in bytes, as uncompressed JSON.",
    )
    token_limit: int = Field(
        10_000, ge=1, le=1_000_000, description="Maximum number of lexical tokens in a document."
    )
    # With a list at every level the response is twice as deep, and orjson serializes at most 254 levels.
    depth_limit: int = Field(50, ge=1, le=100, description="Maximum nesting depth of fields.")
    field_limit: int = Field(
        2_000, ge=1, le=100_000, description="Maximum number of fields in an operation, at all levels."
    )
    alias_limit: int = Field(
        200, ge=0, le=100_000, description="Maximum number of aliases in an operation, at all levels."
    )
    directive_limit: int = Field(
        100, ge=0, le=100_000, description="Maximum number of directives in an operation."
    )
    list_limit: int = Field(
        1_000,
        ge=1,
        le=1_000_000,
        description="Maximum number of items in each list of an operation's arguments and variables.",
    )
    value_limit: int = Field(
        50_000,
        ge=1,
        le=10_000_000,
        description="Maximum number of values in an operation's arguments, with variables filled in.",
    )
    header_timeout: Seconds = Field(
        10, description="Header timeout: seconds to receive the request line and headers."
    )
    body_timeout: Seconds = Field(10, description="Body timeout: seconds to receive a request body.")
    write_timeout: Seconds = Field(
        10,
        description=(
            "Write timeout: seconds without the client accepting a byte of its response, after which it "
            "is disconnected."
        ),
    )
    keep_alive_timeout: Seconds = Field(
        75,
        description=(
            "Keep-alive timeout: seconds until an idle client connection is closed, more than the idle "
            "timeout of a proxy in front."
        ),
    )
    connection_limit: int = Field(
        5_000,
        ge=1,
        le=1_000_000,
        description="Maximum number of client connections; a request on a further one gets 503.",
    )
    concurrency_limit: int = Field(
        64,
        ge=1,
        le=10_000,
        description=(
            "Concurrency limit: requests of one caller that run at once; further ones wait in a queue."
        ),
    )
    queue_limit: int = Field(
        256, ge=0, le=100_000, description="Maximum length of a caller's queue; a further request gets 429."
    )
    queue_timeout: Seconds = Field(
        5, description="Queue timeout: seconds that a request waits in the queue before it gets 429."
    )
    rate_limit: str = Field("", description="Rate limit of each caller, such as `100/second; 2000/minute`.")
    rate_limit_storage: str = Field(
        "memory://",
        repr=False,
        description=(
            "Rate limit storage: `memory://` counts in each process, a URL of the library `limits` counts"
            " for all instances."
        ),
    )

    @field_validator("rate_limit")
    @classmethod
    def _check_rate_limit(cls, text: str) -> str:
        try:
            rate_limit.parse(text)
        except ValueError:
            raise ValueError("must be rates such as 100/second; 2000/minute") from None
        return text

    @field_validator("rate_limit_storage")
    @classmethod
    def _check_rate_limit_storage(cls, url: str) -> str:
        try:
            rate_limit.storage(url)
        except ValueError as error:
            raise ValueError(f"must be memory:// or a URL that `limits` supports: {error}") from None
        return url

    @field_validator("bodies_limit")
    @classmethod
    def _check_bodies_limit(cls, most: int, info: ValidationInfo) -> int:
        # One principal gets four fifths. An invalid body_limit is reported on its own.
        if most < 2 * info.data.get("body_limit", 0):
            raise ValueError("must be at least twice TIDEGRAPH_BODY_LIMIT")
        return most
