"""The command line `tidegraph`: parses options and calls the modules that do the work."""

import asyncio
import re
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from graph.auth.scopes import Scope
from graph.cli import standard_streams

# Each command imports what it needs, so that `tidegraph --help` does not wait for SQLAlchemy.
if TYPE_CHECKING:
    from graph.settings import Settings

T = TypeVar("T")

HELP = """A GraphQL API server for customers and orders on TiDB.

By default it uses SQLite, in the file tidegraph.db. For TiDB, set TIDEGRAPH_DATABASE_URL to
tidb://user:password@host:4000/name, in the environment or in the file .env.

\b
  tidegraph serve --seed   serve sample data on http://127.0.0.1:8000
  tidegraph check          check the settings and the database
"""
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
keys = typer.Typer(help="API keys, for TIDEGRAPH_AUTH=keys.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(keys, name="keys")


def key_name(name: str) -> str:
    """Validate a key's name, which appears in logs and in the audit log."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name, re.ASCII):
        raise typer.BadParameter("Use 1 to 100 letters, digits, or . _ - (not first).")
    return name


Host = Annotated[
    str,
    typer.Option(metavar="ADDRESS", help="Address to listen on; beyond loopback only with authentication."),
]
Port = Annotated[
    int, typer.Option(metavar="N", min=0, max=65535, help="Port to listen on; 0 picks a free one.")
]
Insecure = Annotated[
    bool,
    typer.Option("--insecure", help="Allow listening beyond loopback without authentication."),
]
Migrate = Annotated[
    bool, typer.Option("--migrate", help="Migrate the database first, like `tidegraph migrate`.")
]
Seed = Annotated[bool, typer.Option("--seed", help="Add sample data first if the database is empty.")]
TrustedDocumentsFile = Annotated[
    str, typer.Option(metavar="FILE", help="JSON file of GraphQL documents by ID, as client builds write it.")
]
OnlyTrusted = Annotated[bool, typer.Option("--only-trusted-documents", help="Reject all other documents.")]
Customers = Annotated[int, typer.Option(metavar="N", min=0, help="Number of customers.")]
Orders = Annotated[int, typer.Option(metavar="N", min=0, help="Number of orders per customer.")]
SeedValue = Annotated[
    int, typer.Option(metavar="N", help="Random seed: the same value gives the same data on the same day.")
]
Data = Annotated[
    bool,
    typer.Option("--data", help="Also check every row, and repair the search index."),
]
Federation = Annotated[
    bool, typer.Option("--federation", help="Print the Apollo Federation subgraph, for composition.")
]
Migration = Annotated[
    bool, typer.Option("--migration", help="Also check the grants that `tidegraph migrate` needs.")
]
KeyName = Annotated[
    str,
    typer.Argument(
        metavar="NAME", callback=key_name, help="Name of the key: letters, digits, or . _ - (not first)."
    ),
]
KeyScopes = Annotated[
    list[Scope],
    typer.Option("--scope", metavar="SCOPE", help=f"Scope to grant: {', '.join(Scope)}; repeatable."),
]
BoundCustomer = Annotated[
    str | None,
    typer.Option("--customer", metavar="ID", help="Restrict the key to this customer's data, by global ID."),
]
Days = Annotated[
    int, typer.Option("--expires-days", metavar="N", min=1, max=3650, help="Days until the key expires.")
]


def main() -> None:
    """Run the command line."""
    standard_streams.open_closed_streams()
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, terminate)
    try:
        app(prog_name="tidegraph")
    except OSError as error:
        # Probably an error when writing the output: a full disk, or a closed terminal.
        with suppress(OSError):
            typer.echo(f"tidegraph: {error}", err=True)
        sys.exit(1)
    finally:
        standard_streams.discard_unwritten_output()


def terminate(_number: int, _frame: object) -> NoReturn:
    """Exit with SIGTERM's exit code. The kernel ignores its default action for process 1 of a container."""
    sys.exit(TERMINATED)


def fail(message: str, code: int = 1) -> NoReturn:
    """Print one line to standard error, and exit."""
    typer.echo(f"tidegraph: {' '.join(message.split())}", err=True)
    raise typer.Exit(code)


def load_settings(**given: Any) -> "Settings":
    from graph import logs, settings

    try:
        loaded = settings.load(**given)
    except settings.SettingsError as error:
        fail(str(error))
    logs.configure(development=loaded.is_development)
    return loaded


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine. Expected failures print one line instead of a traceback."""
    from graph.cli.database_commands import CommandError

    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    except CommandError as error:
        fail(str(error))


def show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"tidegraph {version('tidegraph')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options before a command."""


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    insecure: Insecure = False,
    migrate: Migrate = False,
    seed: Seed = False,
    trusted_documents: TrustedDocumentsFile = "",
    only_trusted_documents: OnlyTrusted = False,
) -> None:
    """Serve the API until Ctrl-C or SIGTERM.

    It migrates SQLite automatically. On TiDB it does not start on an outdated schema without --migrate.
    """
    standard_streams.drop_unwritable_output()
    trust = {"trusted_documents": trusted_documents, "only_trusted_documents": only_trusted_documents}
    loaded = load_settings(**{name: value for name, value in trust.items() if value})
    from graph.app import create_app
    from graph.cli import database_commands
    from graph.console import Console
    from graph.http import server

    console = Console(loaded)
    try:
        loopback_only = not (loaded.authenticates or insecure)
        listener = server.bind(host, port, loopback_only=loopback_only)
        if not (loaded.authenticates or server.is_loopback(host)):
            console.warning("INSECURE: anyone who can reach this server can read and change everything")
        seed_options = database_commands.SeedOptions() if seed else None
        fits = run(database_commands.prepare(loaded, console, migrate=migrate, seed=seed_options))
        made = create_app(loaded, schema_fits=fits, loopback_only=loopback_only)
        server.serve(made, loaded, console, listener, host)
    except server.ListenError as error:
        fail(str(error))


@app.command()
def migrate() -> None:
    """Migrate the database schema to the latest revision.

    Creates the database if it does not exist and the user has the privilege.
    """
    loaded = load_settings()
    from graph.cli import database_commands

    typer.echo(run(database_commands.migrate(loaded)))


@app.command()
def seed(
    customers: Customers = 1_000,
    orders: Orders = 10,
    seed_value: SeedValue = 1,
) -> None:
    """Fill an empty database with sample data."""
    loaded = load_settings()
    from graph.cli import database_commands

    seed_options = database_commands.SeedOptions(customers, orders, seed_value)
    typer.echo(run(database_commands.seed(loaded, seed_options)))


@app.command()
def schema(federation: Federation = False) -> None:
    """Print the GraphQL schema."""
    from graph.schema import sdl, subgraph_sdl

    typer.echo(subgraph_sdl() if federation else sdl(), nl=False)


@app.command()
def check(data: Data = False, migration: Migration = False) -> None:
    """Check the settings, the database, its schema and grants.

    The exit code is 0 if everything is ok and `tidegraph serve` would start, otherwise 1.
    """
    loaded = load_settings()
    from graph.cli import database_commands

    report = run(database_commands.check(loaded, data=data, migration=migration))
    typer.echo("\n".join(report.lines))
    raise typer.Exit(0 if report.ok else 1)


@keys.command("create")
def create_key(
    name: KeyName, scope: KeyScopes, customer: BoundCustomer = None, expires_days: Days = 90
) -> None:
    """Create a key and print it, this once.

    Standard output has the key only; the database stores its SHA-256. Names cannot be reused.
    """
    loaded = load_settings()
    from graph.cli import api_key_commands

    typer.echo(run(api_key_commands.create(loaded, name, scope, expires_days, customer)))


@keys.command("list")
def list_keys() -> None:
    """List all API keys with state, dates, customer and scopes."""
    loaded = load_settings()
    from graph.cli import api_key_commands

    typer.echo("\n".join(run(api_key_commands.list_all(loaded))))


@keys.command("revoke")
def revoke_key(name: KeyName) -> None:
    """Revoke an API key permanently, within seconds."""
    loaded = load_settings()
    from graph.cli import api_key_commands

    typer.echo(run(api_key_commands.revoke(loaded, name)))
