"""Secrets in no log: everything that real processes print while keys, tokens and a password are in use."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa

from graph.auth.api_keys import digest, new_secret
from tests.api_key_factory import bearer
from tests.conftest import KINDS
from tests.processes import Serving, Spawn
from tests.shared_tidb import SharedTidb, execute
from tests.tokens import SETTINGS, jwks_file, token

PASSWORD = "pa55-of-the-database"
READ_STATUS = {"query": "{ orders { nodes { status } } }"}
# No program of ours stores such a status.
NOW = "'2026-01-01 00:00:00.000000'"
BROKEN_ROWS = f"""
INSERT INTO customers (username, name, version, created_at, updated_at) VALUES ('a', 'A', 1, {NOW}, {NOW});
INSERT INTO orders (customer_id, status, currency, total, placed_at, version, created_at, updated_at)
SELECT id, 'BROKEN', 'EUR', 1, {NOW}, 1, {NOW}, {NOW} FROM customers
"""
READ = {"query": "{ customers { nodes { username } } }"}


@pytest.fixture(params=KINDS[:2])
def guarded_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a database of its own; TiDB's wants a password."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.db'}"
        return
    tidb: SharedTidb = request.getfixturevalue("tidb")
    name = f"secrets_{new_secret()[4:12].lower().replace('-', '_')}"
    user = f"CREATE USER {name} IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON {name}.* TO {name}"
    asyncio.run(execute(tidb.url(), f"CREATE DATABASE {name}; {user}"))
    url = sa.make_url(tidb.url(name)).set(username=name, password=PASSWORD)
    yield url.render_as_string(hide_password=False)
    asyncio.run(execute(tidb.url(), f"DROP USER {name}; DROP DATABASE {name}"))


def ask_in_every_way(serving: Serving, credential: str) -> list[int]:
    """As it should be sent, and as people send it by mistake; the statuses."""
    url = f"{serving.url}/graphql"
    headers = [
        bearer(credential),
        {"Authorization": credential},
        {"Authorization": f"Basic {credential}"},
        {"Authorization": f"Bearer {credential}x"},
        {"Cookie": f"token={credential}"},
    ]
    bodies = [
        {"query": f'{{ customers(search: "{credential}") {{ nodes {{ id }} }} }}'},
        {"query": f"{{ {credential} "},
        {"query": READ["query"], "variables": {"x": credential}, "operationName": credential},
    ]
    answers = [httpx2.post(url, json=READ, headers=each, verify=False) for each in headers]
    answers += [httpx2.post(url, json=each, headers=bearer(credential), verify=False) for each in bodies]
    answers += [httpx2.post(f"{url}?access_token={credential}", json=READ, verify=False)]
    answers += [httpx2.get(f"{serving.url}/{credential}?key={credential}", verify=False)]
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize("env", ["production", "development"])
def test_no_secret_is_printed(env: str, guarded_url: str, spawn: Spawn, tmp_path: Path) -> None:
    """By commands and by a server, whose database works at first and breaks then."""
    settings = {**SETTINGS, "auth": "keys,jwt", "env": env, "database_url": guarded_url}
    settings["jwt_jwks"] = jwks_file(tmp_path)
    printed = spawn.run("migrate", **settings)
    key = spawn.run("keys", "create", "web", "--scope", "admin", **settings).stdout.strip()
    tokens = [token(), token(exp=1), token("ES256", headers={"kid": "RS256"})]
    serving = spawn.serve(**settings)
    statuses = [ask_in_every_way(serving, each) for each in (key, new_secret(), *tokens)]
    done = [spawn.run(*each, **settings) for each in (["keys", "list"], ["check"], ["keys", "revoke", "web"])]
    # A failure that is logged with its traceback, and then each statement fails.
    asyncio.run(execute(guarded_url, BROKEN_ROWS))
    httpx2.post(f"{serving.url}/graphql", json=READ_STATUS, headers=bearer(tokens[0]), verify=False)
    asyncio.run(execute(guarded_url, "DROP TABLE api_keys; DROP TABLE customer_words; DROP TABLE history"))
    other = new_secret()
    statuses += [ask_in_every_way(serving, each) for each in (other, token())]
    done.append(spawn.run("keys", "list", **settings))
    serving.stop()
    wrong = spawn.run("check", **{**settings, "database_url": guarded_url.replace(PASSWORD, PASSWORD[:-1])})
    output = serving.output + "".join(each.stdout + each.stderr for each in (printed, *done, wrong))

    assert [200, 401, 200, 401, 401, 503, 200] == [each[0] for each in statuses]
    assert "Traceback" in output
    assert "web" in output
    secrets = [key, other, *tokens, PASSWORD[:-1], digest(key), digest(other)]
    secrets += [part for each in tokens for part in each.split(".")]
    assert [] == [secret for secret in secrets if re.search(re.escape(secret[:20]), output)]
