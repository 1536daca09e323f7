"""`.env` of the working directory: what it gives, what it must not hold, and how it is read."""

from pathlib import Path

import pytest

from graph import settings
from tests.test_settings import KNOWN, refused

pytestmark = pytest.mark.usefixtures("nothing_set")


def test_an_unknown_name_in_the_file_is_refused() -> None:
    """The same in `.env`, whose other names are another program's."""
    Path(".env").write_text("COMPOSE_PROFILES=single\nTIDEGRAPH_POOLSIZE=5\n")

    assert f"TIDEGRAPH_POOLSIZE in .env is not a setting. Known: {KNOWN}." == refused()


def test_a_variable_of_kubernetes_in_the_file_is_refused() -> None:
    """Kubernetes writes no such file."""
    Path(".env").write_text("TIDEGRAPH_PORT=tcp://10.96.0.12:8000\n")

    assert refused().startswith("TIDEGRAPH_PORT in .env is not a setting. ")


def test_names_of_tests_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """TIDEGRAPH_TEST_… is for the suite, wherever it stands."""
    monkeypatch.setenv("TIDEGRAPH_TEST_TIDB", "required")
    Path(".env").write_text("TIDEGRAPH_TEST_TIDB_URL=tidb://root@127.0.0.1:4000/\n")

    assert 10 == settings.load().pool_size


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` of the working directory gives what the environment does not."""
    Path(".env").write_text("export TIDEGRAPH_POOL_SIZE=7\ntidegraph_env='development'\n")
    monkeypatch.setenv("TIDEGRAPH_POOL_SIZE", "8")
    loaded = settings.load()

    assert (8, "development") == (loaded.pool_size, loaded.env)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"# comment\n\nTIDEGRAPH_ENV: development\n", ".env, line 3: write NAME=value."),
        (b"TIDEGRAPH_ENV=\xff\n", ".env cannot be read: 'utf-8' codec can't decode byte 0xff in position 14"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(content: bytes, reason: str) -> None:
    """Nothing of `.env` is skipped in silence."""
    Path(".env").write_bytes(content)

    assert reason == refused().partition(": invalid")[0]
