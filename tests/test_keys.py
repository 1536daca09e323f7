"""`tidegraph keys` as an operator meets it, on both databases."""

import re

import httpx2
import pytest

from graph.global_ids import MAX_ROW_ID, GlobalId
from tests.api_key_factory import bearer
from tests.conftest import KINDS
from tests.processes import Serving, Spawn, wait_until
from tests.test_commands import one_error

on_both = pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
READ = {"query": "{ customers { nodes { username } } }"}


def ask(serving: Serving, secret: str) -> int:
    return httpx2.post(f"{serving.url}/graphql", json=READ, headers=bearer(secret), verify=False).status_code


def ids_of(serving: Serving, secret: str) -> list[str]:
    """The customers that a key shows."""
    body = {"query": "{ customers(includeArchived: true) { nodes { id } } }"}
    answer = httpx2.post(f"{serving.url}/graphql", json=body, headers=bearer(secret), verify=False)
    return [each["id"] for each in answer.json()["data"]["customers"]["nodes"]]


@on_both
def test_a_key_lives_from_create_to_revoke(database_url: str, spawn: Spawn) -> None:
    """Made and revoked beside a server that runs on; standard output has the key and nothing else."""
    serving = spawn.serve(database_url=database_url, auth="keys")
    scopes = ["--scope", "orders:read", "--scope", "customers:read", "--scope", "orders:read"]
    created = spawn.run("keys", "create", "web", *scopes, database_url=database_url)
    secret = created.stdout.removesuffix("\n")
    let_in = ask(serving, secret)
    listed = spawn.run("keys", "list", database_url=database_url).stdout
    revoked = [spawn.run("keys", "revoke", "web", database_url=database_url).stdout for _ in range(2)]
    wait_until(lambda: ask(serving, secret) == 401, seconds=10)
    left = spawn.run("keys", "list", database_url=database_url).stdout

    assert (0, "") == (created.returncode, created.stderr)
    assert re.fullmatch(r"tdg_[A-Za-z0-9_-]{43}", secret, re.ASCII)
    assert 200 == let_in
    assert re.fullmatch(
        r"NAME  STATE   CREATED     UNTIL       CUSTOMER  SCOPES\n"
        r"web   active  20\d\d-\d\d-\d\d  20\d\d-\d\d-\d\d  all       customers:read orders:read\n",
        listed,
    )
    assert ["Revoked web: it stops working within 5 seconds.\n", "web was already revoked.\n"] == revoked
    assert "\nweb   revoked  " in left


@on_both
def test_a_key_is_bound_to_a_customer(database_url: str, spawn: Spawn) -> None:
    """By the id that the API shows, and to none that is not there; an empty one is no key for all."""
    spawn.run("seed", "--customers", "3", "--orders", "1", database_url=database_url)
    serving = spawn.serve(database_url=database_url, auth="keys")
    create = ["keys", "create", "--scope", "customers:read"]
    every = spawn.run(*create, "every", database_url=database_url).stdout.strip()
    ids = ids_of(serving, every)
    bound = spawn.run(*create, "ada", "--customer", ids[1], database_url=database_url).stdout.strip()
    shown = ids_of(serving, bound)
    listed = spawn.run("keys", "list", database_url=database_url).stdout
    unknown = {
        each: spawn.run(*create, "eve", "--customer", each, database_url=database_url)
        for each in ("", "1", GlobalId("Order", 1).encode(), GlobalId("Customer", MAX_ROW_ID).encode())
    }

    assert 3 == len(ids)
    assert [ids[1]] == shown
    assert f"  {ids[1]}  customers:read\n" in listed
    for each, done in unknown.items():
        assert f"tidegraph: there is no customer with the ID {each!r}" == one_error(done)


@on_both
def test_a_name_that_was_given_out_is_refused(database_url: str, spawn: Spawn) -> None:
    """In one line."""
    spawn.run("keys", "create", "web", "--scope", "admin", database_url=database_url)
    again = spawn.run("keys", "create", "web", "--scope", "admin", database_url=database_url)
    unknown = spawn.run("keys", "revoke", "app", database_url=database_url)

    assert (
        "tidegraph: the name web is taken by another key, maybe a revoked one; choose another"
        == one_error(again)
    )
    assert "tidegraph: there is no key named app" == one_error(unknown)


def test_keys_need_a_schema(spawn: Spawn) -> None:
    """A database that is not there is not made by asking for its keys."""
    for command in (["list"], ["revoke", "web"], ["create", "web", "--scope", "admin"]):
        error = one_error(spawn.run("keys", *command))
        assert (
            "tidegraph: sqlite:///tidegraph.db: the database does not exist yet: run `tidegraph migrate`"
            == error
        )

    assert [] == list(spawn.folder.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ["web"],
        ["web", "--scope", "orders"],
        ["web", "--scope", "orders:read customers:read"],
        ["web", "--scope", "admin", "--expires-days", "0"],
        ["web", "--scope", "admin", "--expires-days", "3651"],
        ["", "--scope", "admin"],
        ["two words", "--scope", "admin"],
        ["line\nline", "--scope", "admin"],
        ["web\n", "--scope", "admin"],
        [".web", "--scope", "admin"],
        ["n" * 101, "--scope", "admin"],
    ],
    ids=lambda arguments: "-".join(arguments)[:30].encode("unicode_escape").decode(),
)
def test_what_makes_no_key_is_explained(arguments: list[str], spawn: Spawn) -> None:
    """With exit code 2; no key is without scopes, and none lives for ever."""
    done = spawn.run("keys", "create", *arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert "Error: " in done.stderr
