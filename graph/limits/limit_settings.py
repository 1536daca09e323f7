"""Settings of the limits, as a base class of all settings."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from graph.limits import rate_limit

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class LimitSettings(BaseModel):
    """Each limit is checked before the work that it limits, on the operation with its fragments expanded."""

    model_config = ConfigDict(frozen=True)

    body_limit: int = Field(1_000_000, ge=1, le=100_000_000, description="Bytes of a request's body.")
    bodies_limit: int = Field(
        50_000_000,
        le=100_000_000_000,
        validate_default=True,
        description=(
            "Bytes of memory for all request and response bodies in flight, beyond the first 16 kB of each; "
            "at least twice the body's limit."
        ),
    )
    document_limit: int = Field(
        100_000, ge=1, le=100_000_000, description="Characters of a document, without its variables."
    )
    response_limit: int = Field(
        10_000_000, ge=10_000, le=1_000_000_000, description="Bytes of a response as JSON, uncompressed."
    )
    token_limit: int = Field(10_000, ge=1, le=1_000_000, description="Tokens of a document.")
    # With a list at every level the answer is twice as deep, and orjson writes 254 levels.
    depth_limit: int = Field(50, ge=1, le=100, description="Levels in which an operation nests fields.")
    field_limit: int = Field(2_000, ge=1, le=100_000, description="Fields of an operation, all levels.")
    alias_limit: int = Field(200, ge=0, le=100_000, description="Aliases of an operation, all levels.")
    directive_limit: int = Field(100, ge=0, le=100_000, description="Directives of an operation.")
    list_limit: int = Field(
        1_000, ge=1, le=1_000_000, description="Items of each list in an operation's variables and arguments."
    )
    value_limit: int = Field(
        50_000, ge=1, le=10_000_000, description="Values in an operation's arguments, its variables put in."
    )
    header_timeout: Seconds = Field(10, description="Seconds for a request's line and headers to come.")
    body_timeout: Seconds = Field(10, description="Seconds for a request's body to come.")
    write_timeout: Seconds = Field(
        10, description="Seconds in which a client must accept a byte of its response, or it is disconnected."
    )
    keep_alive_timeout: Seconds = Field(
        75, description="Seconds until an idle connection is closed; more than a proxy in front keeps it."
    )
    connection_limit: int = Field(
        5_000, ge=1, le=1_000_000, description="Connections at a time; a request on one more gets 503."
    )
    concurrency_limit: int = Field(
        64, ge=1, le=10_000, description="Requests of one principal that run at once; the others wait."
    )
    queue_limit: int = Field(
        256, ge=0, le=100_000, description="Requests of one principal that wait; the next is refused."
    )
    queue_timeout: Seconds = Field(5, description="Seconds that a request waits for its turn.")
    rate_limit: str = Field(
        "", description="Requests of one principal by time, such as `100/second; 2000/minute`."
    )
    rate_limit_storage: str = Field(
        "memory://",
        repr=False,
        description="Where they are counted: here, or by all instances at a URL of the library `limits`.",
    )

    @field_validator("rate_limit")
    @classmethod
    def _check_rate_limit(cls, text: str) -> str:
        try:
            rate_limit.parse(text)
        except ValueError:
            raise ValueError("takes rates such as 100/second; 2000/minute") from None
        return text

    @field_validator("rate_limit_storage")
    @classmethod
    def _check_rate_limit_storage(cls, url: str) -> str:
        try:
            rate_limit.storage(url)
        except ValueError as error:
            raise ValueError(f"takes memory:// or a URL that `limits` knows: {error}") from None
        return url

    @field_validator("bodies_limit")
    @classmethod
    def _check_bodies_limit(cls, most: int, info: ValidationInfo) -> int:
        # One principal gets four fifths. An invalid body_limit is reported on its own.
        if most < 2 * info.data.get("body_limit", 0):
            raise ValueError("must be at least twice TIDEGRAPH_BODY_LIMIT")
        return most
