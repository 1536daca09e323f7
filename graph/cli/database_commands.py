"""Database commands: prepare a database for serving, migrate, seed and check it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from db import errors
from db.engine import session_variables
from db.engine.database import Database, ping
from db.engine.deadline import Deadline
from db.maintenance import data_checks, privileges
from db.maintenance import migrate as migrations
from db.maintenance.migrate import Schema, State
from db.reader import Transaction
from graph.console import Console
from graph.http.health import schema_message
from graph.progress_bar import progress
from graph.settings import Settings

# Seconds in which the database must answer.
DATABASE_TIMEOUT = 5.0
MIGRATE_HINT = "run `tidegraph migrate`"
MAX_SHOWN_IDS = 10


class CommandError(Exception):
    """A command failed; the message is one line that names the database."""


class SeedInProgress(CommandError):
    """Another process is writing the same sample data."""


@dataclass(frozen=True, slots=True)
class SeedOptions:
    """The amount of sample data, and its seed value."""

    customers: int = 1_000
    orders_each: int = 10
    seed_value: int = 1

    @property
    def rows(self) -> int:
        return self.customers * (1 + self.orders_each)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The findings of `tidegraph check`, one per line."""

    ok: bool
    lines: list[str]


async def prepare(settings: Settings, console: Console, *, migrate: bool, seed: SeedOptions | None) -> bool:
    """Check or migrate the schema, and seed an empty database if `seed` is given.

    False if the database did not answer: the server starts anyway and becomes ready later. Raises
    CommandError.
    """
    async with _open_database(settings) as database:
        try:
            await _prepare(database, console, migrate=migrate or database.url.is_sqlite, seed=seed)
            return True
        except (errors.NoSuchDatabase, errors.AccessDenied, errors.UnsupportedServer):
            raise
        except (errors.Unavailable, errors.DeadlineExceeded):
            if migrate or seed:
                raise
            console.warning(f"{database.url} does not respond yet; serving, but not ready")
            return False


async def _prepare(database: Database, console: Console, *, migrate: bool, seed: SeedOptions | None) -> None:
    schema = await (_schema_or_empty if migrate else _schema)(database)
    if schema.state is State.AHEAD:
        console.warning(schema_message(database, schema))
    elif not schema.fits:
        _require_migratable(database, schema)
        if not migrate:
            raise CommandError(
                f"{database.url} {SCHEMA_PROBLEMS[schema.state]}: {MIGRATE_HINT}, or serve --migrate"
            )
        console.info(await _upgrade(database))
    if seed and await _is_empty(database):
        try:
            with console.progress(seed.rows) as advance:
                done = await _seed(database, seed, advance)
        except SeedInProgress as reason:
            done = str(reason)
        console.info(done)


async def migrate(settings: Settings) -> str:
    """Migrate, and return a line with the new revision. Raises CommandError."""
    async with _open_database(settings) as database:
        schema = await _schema_or_empty(database)
        _require_migratable(database, schema)
        if schema.state is State.AHEAD:
            return f"{database.url} is newer than this program; nothing to do."
        if schema.state is State.CURRENT:
            return f"{database.url} was already at revision {migrations.head()}."
        return await _upgrade(database)


async def seed(settings: Settings, options: SeedOptions) -> str:
    """Seed an empty database, and return a line with the amounts. Raises CommandError."""
    async with open_migrated(settings) as database:
        if not await _is_empty(database):
            raise CommandError(f"{database.url} is not empty; sample data is added to an empty database only")
        with progress(options.rows) as advance:
            return await _seed(database, options, advance)


@asynccontextmanager
async def open_migrated(settings: Settings) -> AsyncIterator[Database]:
    """The database, if its schema fits. Raises CommandError, also for database errors in the block."""
    async with _open_database(settings) as database:
        schema = await _schema(database)
        _require_migratable(database, schema)
        if not schema.fits:
            raise CommandError(f"{database.url} {SCHEMA_PROBLEMS[schema.state]}: {MIGRATE_HINT} first")
        yield database


def _require_migratable(database: Database, schema: Schema) -> None:
    """Raises CommandError for a schema that this program cannot migrate."""
    if schema.state in {State.INCOMPATIBLE, State.INCOMPLETE}:
        raise CommandError(schema_message(database, schema))


async def check(settings: Settings, *, data: bool = False, migration: bool = False) -> CheckReport:
    """Whether this program could serve now, and whether its `data` agree. A password never shows in it.

    With `migration`, also whether the database's user could migrate.
    """
    async with settings.database() as database:
        found = [f"settings    ok ({settings.env})", f"database    {database.url}"]
        try:
            version = await _version(database)
            driver = "" if database.url.is_sqlite else f", by {database.url.driver}"
            found.append(f"reachable   yes, {version}{driver}")
            schema = await _schema(database)
        except errors.DatabaseError as error:
            what = "reachable   no" if len(found) == 2 else "schema      unknown"
            return CheckReport(False, [*found, f"{what}: {_reason(error)}"])
        found.append(f"schema      {SCHEMA_STATES[schema.state]}{schema.detail}")
        reports = [
            CheckReport(schema.fits, found),
            await _check_access(database, schema, migration=migration),
        ]
        if data:
            reports.append(await check_data(database, schema))
        return CheckReport(
            all(each.ok for each in reports), [line for each in reports for line in each.lines]
        )


async def _check_access(database: Database, schema: Schema, *, migration: bool) -> CheckReport:
    """Check that the database is writable, and on TiDB the session variables and grants."""
    if database.url.is_sqlite:
        return _report({"writable": await _problems(_not_writable(database))})
    found = {"variables": await _problems(_wrong_variables(database))}
    if schema.fits:
        found["grants"] = await _problems(privileges.missing_to_serve(database))
    if migration:
        found["migration"] = await _problems(privileges.missing_to_migrate(database))
    return _report(found)


async def _wrong_variables(database: Database) -> list[str]:
    async with migrations.connecting(database.probes) as connection:
        wanted = database.limits.session_variables
        different = await session_variables.different(connection, wanted)
        return different + await session_variables.unsuitable(connection)


async def _problems(problems: Awaitable[list[str]]) -> list[str]:
    """The problems found, or the reason why the check failed."""
    try:
        async with Deadline.after(DATABASE_TIMEOUT).limit():
            return await problems
    except errors.DatabaseError as error:
        return [_reason(error)]


async def _not_writable(database: Database) -> list[str]:
    async def nothing(_transaction: Transaction) -> list[str]:
        return []

    return await database.write(nothing)


def _report(problems: dict[str, list[str]]) -> CheckReport:
    """One line per problem, and `ok` for each check without problems."""
    lines = [f"{what:<12}{each}" for what, found in problems.items() for each in found or ["ok"]]
    return CheckReport(not any(problems.values()), lines)


async def check_data(database: Database, schema: Schema) -> CheckReport:
    """Check all rows and repair the search index. Repaired rows count as wrong until the next check.

    In a newer schema nothing is repaired, because newer programs may store other words.
    """
    if not schema.fits:
        return CheckReport(False, ["data        not checked: the schema does not fit this program"])
    repair = schema.state is State.CURRENT
    searched = await data_checks.check_search_index(database, repair=repair)
    drifted = "had outdated search words; repaired"
    if not repair:
        drifted = "have outdated search words; not repaired, because the schema is newer"
    counted = await data_checks.check_order_counts(database, repair=repair)
    miscounted = "had a wrong ordersCount; repaired"
    if not repair:
        miscounted = "have a wrong ordersCount; not repaired, because the schema is newer"
    totals = await data_checks.check_order_totals(database)
    different = "have a total that differs from the sum of their lines"
    findings = [
        (searched, f"words       {_summary(searched, 'customers', drifted)}"),
        (counted, f"counts      {_summary(counted, 'customers', miscounted)}"),
        (
            totals,
            f"totals      {_summary(totals, 'orders', different, show=True)}",
        ),
    ]
    for child, parent in data_checks.REFERENCES:
        finding = await data_checks.check_foreign_key(database, child, parent)
        kind, problem = parent.table.name, f"that {child.table.name} belong to do not exist"
        findings.append((finding, f"orphans     {_summary(finding, kind, problem, show=True)}"))
    for kind in ("Customer", "Order"):
        finding = await data_checks.check_audit_log(database, kind)
        objects, problem = f"{kind.lower()}s with a history", "differ from their history"
        findings.append((finding, f"history     {_summary(finding, objects, problem, show=True)}"))
    findings += await _without_keys(database)
    return CheckReport(not any(finding.wrong for finding, _ in findings), [line for _, line in findings])


async def _without_keys(database: Database) -> list[tuple[data_checks.Finding, str]]:
    """Whose unique text finds another object."""
    customers = await data_checks.check_customer_keys(database)
    orders = await data_checks.check_order_keys(database)
    of_customers = (
        "share a username or e-mail address with an older customer and are not found by it; edit them"
    )
    of_orders = "share a reference with an older order and are not found by it; edit them"
    return [
        (customers, f"keys        {_summary(customers, 'customers', of_customers, show=True)}"),
        (orders, f"keys        {_summary(orders, 'orders', of_orders, show=True)}"),
    ]


def _summary(finding: data_checks.Finding, kind: str, problem: str, *, show: bool = False) -> str:
    if not finding.wrong:
        return f"ok ({finding.checked:,} {kind})"
    ids = [str(each) for each in finding.wrong[:MAX_SHOWN_IDS]]
    shown = f": id {', '.join(ids)}{' …' if len(finding.wrong) > MAX_SHOWN_IDS else ''}" if show else ""
    return f"{len(finding.wrong):,} of {finding.checked:,} {kind} {problem}{shown}"


SCHEMA_PROBLEMS = {State.EMPTY: "has no schema yet", State.BEHIND: "has an outdated schema"}
SCHEMA_STATES = {
    State.EMPTY: f"none yet: {MIGRATE_HINT}",
    State.BEHIND: f"outdated: {MIGRATE_HINT}",
    State.CURRENT: "current",
    State.AHEAD: "newer than this program, but compatible",
    State.INCOMPATIBLE: "too new for this program: ",
    State.INCOMPLETE: "incomplete: ",
}


@asynccontextmanager
async def _open_database(settings: Settings) -> AsyncIterator[Database]:
    async with settings.database() as database:
        try:
            yield database
        except errors.DatabaseError as error:
            raise CommandError(f"{database.url}: {_reason(error)}") from error


def _reason(error: errors.DatabaseError) -> str:
    if isinstance(error, errors.NoSuchDatabase):
        return f"the database does not exist yet: {MIGRATE_HINT}"
    if isinstance(error, errors.DeadlineExceeded):
        return f"no response within {DATABASE_TIMEOUT:g} seconds"
    return str(error) or type(error).__name__


async def _version(database: Database) -> str:
    _require_file(database)
    return await ping(database, Deadline.after(DATABASE_TIMEOUT))


async def _schema(database: Database) -> Schema:
    """Raises NoSuchDatabase, which a migration can repair."""
    _require_file(database)
    async with Deadline.after(DATABASE_TIMEOUT).limit():
        return await migrations.inspect(database)


async def _schema_or_empty(database: Database) -> Schema:
    """As a migration sees it, which creates the database too."""
    try:
        return await _schema(database)
    except errors.NoSuchDatabase:
        return Schema(State.EMPTY)


async def _upgrade(database: Database) -> str:
    await migrations.upgrade(database)
    found = [line for finding, line in await _without_keys(database) if finding.wrong]
    return "\n".join([f"{database.url} is now at revision {migrations.head()}.", *found])


async def _is_empty(database: Database) -> bool:
    # What makes the data takes a while to import, and most commands do without.
    from db.maintenance import seed as seeding

    return await seeding.is_empty(database.reader(Deadline.after(DATABASE_TIMEOUT)))


async def _seed(database: Database, options: SeedOptions, advance: Callable[[int], object]) -> str:
    from db.maintenance import seed as seeding
    from db.maintenance.sample_data import Sample

    try:
        await seeding.fill(
            database,
            Sample(options.seed_value),
            customer_count=options.customers,
            orders_each=options.orders_each,
            progress=advance,
        )
    except errors.DuplicateKey as error:
        raise SeedInProgress(f"{database.url} is being filled by another process") from error
    return f"Seeded {options.customers:,} customers with {options.customers * options.orders_each:,} orders."


def _require_file(database: Database) -> None:
    # Who only looks must not leave an empty file behind.
    if not database.url.is_sqlite:
        return
    path = Path(database.url.database)
    try:
        there, folder_there = path.exists(), path.parent.is_dir()
    except OSError as error:
        raise errors.InvalidFilePath(error.strerror) from error
    if not folder_there:
        raise errors.InvalidFilePath(f"the folder {path.parent} does not exist")
    if not there:
        raise errors.NoSuchDatabase
