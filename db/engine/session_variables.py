"""The session variables that results and constraints depend on, set when a connection is made.

TiDB gives a new session the global values, which an operator may have set for something else, and
`init_connect` may change any variable of it.
"""

import math
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# SQLAlchemy sets these by SET NAMES.
NAMES = ("character_set_client", "character_set_connection", "character_set_results")
FIXED: Mapping[str, str | int] = {
    # Transactions: pessimistic, so that foreign keys and locks hold; a read must not be older than its lock.
    "tidb_txn_mode": "pessimistic",
    "transaction_isolation": "READ-COMMITTED",
    "tidb_dml_type": "standard",
    "tidb_batch_insert": "OFF",
    "tidb_batch_delete": "OFF",
    "tidb_batch_commit": "OFF",
    "tidb_dml_batch_size": 0,
    # Constraints: checked by the statement itself. A duplicate may show as late as at COMMIT otherwise.
    "foreign_key_checks": "ON",
    "unique_checks": "ON",
    "tidb_constraint_check_in_place": "ON",
    "tidb_constraint_check_in_place_pessimistic": "ON",
    # Reads: the newest rows, and all of them.
    "tidb_snapshot": "",
    "tidb_read_staleness": 0,
    "tidb_enable_external_ts_read": "OFF",
    "tidb_low_resolution_tso": "OFF",
    "tidb_read_consistency": "strict",
    "tidb_guarantee_linearizability": "ON",
    "sql_select_limit": 2**64 - 1,
    "max_execution_time": 0,
    "group_concat_max_len": 2**20,
    "cte_max_recursion_depth": 1_000,
    "tidb_enable_window_function": "ON",
    # Values: as they are sent.
    "time_zone": "+00:00",
    "sql_mode": (
        "STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
    ),
    "div_precision_increment": 4,
    "default_week_format": 0,
    "tidb_skip_utf8_check": "OFF",
}


def values(lock_timeout: float, idle_timeout: float) -> dict[str, str | int]:
    """Each variable and what it is set to; the timeouts are in seconds."""
    return {
        **FIXED,
        "innodb_lock_wait_timeout": max(1, round(lock_timeout)),
        "tidb_idle_transaction_timeout": math.ceil(idle_timeout),
    }


def statement(wanted: Mapping[str, str | int]) -> str:
    """One statement that sets all of them; no privilege is needed for any."""
    assigned = ", ".join(f"{name} = {_literal(value)}" for name, value in wanted.items())
    return f"SET {assigned}"


async def different(connection: AsyncConnection, wanted: Mapping[str, str | int]) -> list[str]:
    """Variables that are not as they were set, each as a line for an operator."""
    wanted = {**wanted, **dict.fromkeys(NAMES, "utf8mb4")}
    columns = ", ".join(f"@@session.{name}" for name in wanted)
    found = (await connection.execute(sa.text(f"SELECT {columns}"))).one()
    pairs = zip(wanted.items(), found, strict=True)
    return [
        f"{name} is {is_} after it was set to {value}"
        for (name, value), is_ in pairs
        if _plain(value) != _plain(is_)
    ]


def _literal(value: str | int) -> str:
    return str(value) if isinstance(value, int) else f"'{value}'"


def _plain(value: object) -> frozenset[str]:
    """TiDB shows ON as 1, and a list in an order of its own."""
    text = str(value).lower()
    return frozenset({"on": "1", "off": "0"}.get(text, text).split(","))


# Variables without a session value: name, what serving needs, and what happens otherwise.
GLOBAL = (
    ("tidb_super_read_only", "OFF", "nothing can be written"),
    ("tidb_restricted_read_only", "OFF", "nothing can be written"),
    ("tidb_enable_foreign_key", "ON", "orders can lose their customers"),
    ("tidb_ttl_job_enable", "ON", "expired idempotency keys are never deleted"),
)
MINIMUM_PACKET = 16 * 2**20


async def unsuitable(connection: AsyncConnection) -> list[str]:
    """Global variables that keep the server from working, each as a line for an operator."""
    columns = ", ".join(f"@@global.{name}" for name in (*(each[0] for each in GLOBAL), "max_allowed_packet"))
    *found, packet = (await connection.execute(sa.text(f"SELECT {columns}"))).one()
    lines = [
        f"{name} is {is_} and should be {value}: {otherwise}"
        for (name, value, otherwise), is_ in zip(GLOBAL, found, strict=True)
        if _plain(value) != _plain(is_)
    ]
    if int(packet) < MINIMUM_PACKET:
        lines.append(f"max_allowed_packet is {packet} and should be at least {MINIMUM_PACKET}")
    return lines
