"""What an operator does with a database, without a process: settings, and preparing it as `serve` does."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from graph.cli import database_commands
from graph.cli.database_commands import CommandError, SeedOptions
from graph.console import Console
from graph.settings import Settings

FEW = SeedOptions(customers=3, orders_each=2)


def settings_of(url: str) -> Settings:
    return Settings(_env_file=None, env="development", database_url=url)


async def prepare(url: str, *, migrate: bool = False, seed: SeedOptions | None = None) -> list[str]:
    """Prepare as `serve` does; the warnings."""
    settings = settings_of(url)
    with capture_logs() as logged:
        await database_commands.prepare(settings, Console(settings), migrate=migrate, seed=seed)
    return [line["event"] for line in logged if line["log_level"] == "warning"]


async def failure_of_prepare(url: str, **wanted: Any) -> str:
    with pytest.raises(CommandError) as caught:
        await prepare(url, **wanted)
    return str(caught.value)
