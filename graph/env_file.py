"""The names that a file such as `.env` sets, all of it read as strictly as the environment."""

from pathlib import Path

from dotenv.parser import parse_stream


def names_in(path: Path) -> list[str]:
    """None of a file that is not there. Raises ValueError for a line that sets nothing."""
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8") as lines:
            bindings = list(parse_stream(lines))
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    for binding in bindings:
        if binding.error:
            # The empty lines before it are its own, to the parser.
            text = binding.original.string
            line = binding.original.line + len(text) - len(text.lstrip("\n"))
            raise ValueError(f"{path}, line {line}: write NAME=value.")
    return [binding.key for binding in bindings if binding.key]
