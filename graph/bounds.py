"""How much a request may bring: the settings that an operation and its variables are held to."""

from pydantic import BaseModel, Field


class Bounds(BaseModel):
    """Checked before the work that each one limits, on the operation with its fragments expanded."""

    body_limit: int = Field(1_000_000, ge=1, le=100_000_000, description="Bytes of a request's body.")
    token_limit: int = Field(10_000, ge=1, le=1_000_000, description="Tokens of a document.")
    # With a list at every level the answer is twice as deep, and orjson writes 254 levels.
    depth_limit: int = Field(50, ge=1, le=100, description="Levels in which an operation nests fields.")
    field_limit: int = Field(2_000, ge=1, le=100_000, description="Fields of an operation, all levels.")
    alias_limit: int = Field(200, ge=0, le=100_000, description="Aliases of an operation, all levels.")
    directive_limit: int = Field(100, ge=0, le=100_000, description="Directives of an operation.")
    list_limit: int = Field(
        1_000, ge=1, le=1_000_000, description="Items of each list in an operation's variables and arguments."
    )
