"""The README holds: its queries give its answers, its commands and its SQL run, its table is whole."""

import json
import re
import subprocess
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from graph.auth.scopes import Scope
from graph.limits.limit_settings import LimitSettings
from graph.settings import PREFIX, Settings
from tests import doc_examples
from tests.api_key_factory import bearer
from tests.processes import Serving, Spawn
from tests.shared_tidb import SharedTidb, execute
from tests.test_commands import COMMANDS, OF_KEYS

README = doc_examples.ROOT / "README.md"
DOCS = doc_examples.ROOT / "docs"
READING, SEARCH, SUMS = (DOCS / name for name in ("reading.md", "reading-search.md", "reading-sums.md"))
SHOWN_AT = "http://127.0.0.1:8000"


def is_empty(value: Any) -> bool:
    """Whether a root field shows nothing: null, an empty list, or a page of no nodes."""
    return not (value["nodes"] if isinstance(value, dict) and "nodes" in value else value)


def settings_table() -> str:
    """The table of settings as the README must have it."""
    rows = ["| setting | default | what it does |", "|---|---|---|"]
    # What a base class has comes first there, and last here.
    fields = sorted(Settings.model_fields.items(), key=lambda each: each[0] in LimitSettings.model_fields)
    for name, field in fields:
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        default = str(default).lower() if isinstance(default, bool) else default
        shown = f"`{default}`" if default != "" else "none"
        rows.append(f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows) + "\n"


@pytest.fixture
def seeded(database_url: str, spawn: Spawn) -> Serving:
    """A server over the sample data, as `make run` has it."""
    spawn.run("seed", database_url=database_url)
    return spawn.serve(database_url=database_url)


def test_queries_give_their_answers(seeded: Serving) -> None:
    """Each query, sent to a real server over a socket, gives the JSON below it, or something at least."""
    shown = [example for page in (README, READING, SEARCH, SUMS) for example in doc_examples.examples(page)]

    assert 10 <= len(shown)
    assert 6 == sum(answer is not None for _, answer in shown)
    for query, answer in shown:
        answered = seeded.post(query)
        assert (json.loads(answer) if answer else {"data": answered.get("data")}) == answered
        assert not any(is_empty(each) for each in answered["data"].values()), query


def test_curl_gets_an_answer(server: Serving) -> None:
    """The curl command runs in a shell as it stands, but for the port."""
    (command,) = [block for block in doc_examples.blocks(README, "sh") if block.startswith("curl")]
    shell = ["bash", "-c", command.replace(SHOWN_AT, server.url)]
    answer: Any = json.loads(subprocess.check_output(shell, text=True))

    assert ["orders"] == list(answer["data"])
    assert 1 == len(answer["data"]["orders"]["nodes"])


def test_statements_are_counted(server: Serving) -> None:
    """The first query costs as many as the README says, and so it would for more customers."""
    # Other tests add customers without orders, below whom nothing is read.
    buyers = "customers(where: {orders: {some: {}}}, first: %d)"
    shown = server.post(f"{{ {buyers % 1} {{ nodes {{ username }} }} }}")["data"]["customers"]["nodes"]
    one = doc_examples.blocks(README, "graphql")[0].replace("drew.wade.613", shown[0]["username"])
    many = "{ %s { nodes { name orders(first: 2) { nodes { reference lines { name } } } } } }" % (buyers % 20)
    statements = []
    for query in (one, many):
        headers = {"tidegraph-receipt": "1"}
        answer = httpx2.post(f"{server.url}/graphql", json={"query": query}, headers=headers, verify=False)
        statements.append(answer.json()["extensions"]["receipt"]["statements"])

    assert "\nThree SQL statements, for any number of customers" in README.read_text()
    assert [3, 3] == statements


def test_make_commands_exist() -> None:
    """Every `make` target that the README names is in the Makefile."""
    makefile = (README.parent / "Makefile").read_text()
    named = set(re.findall(r"make ([a-z-]+)", README.read_text()))

    assert {"run", "test", "test-sqlite"} <= named
    assert set() == {name for name in named if not re.search(rf"^{name}:", makefile, re.M)}


def test_options_are_all_in_the_table(spawn: Spawn) -> None:
    """The options of a command's rows are those of its help."""
    table = README.read_text().partition("| command |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `tidegraph (?:((?:keys )?[a-z]+) ?)?([^`]*)` \|(.*)", table, re.M)
    named: dict[str, set[str]] = {}
    for command, option, text in rows:
        named.setdefault(command, set()).update(re.findall(r"--[a-z-]+", f"{option}{text}"))

    keys = {f"keys {name}" for name in OF_KEYS}
    assert {"", *COMMANDS} - {"keys"} | keys == set(named)
    for command, options in named.items():
        shown = spawn.run(*command.split(), "--help").stdout
        listed = set(re.findall(r"^ +(?:-h, )?(--[a-z-]+)", shown.partition("Options:")[2], re.M))
        assert options == listed - {"--help"}


def test_settings_are_all_in_the_table() -> None:
    """The table is what the settings say of themselves."""
    assert settings_table() in README.read_text()


def test_authentication_is_three_lines(spawn: Spawn) -> None:
    """They turn it on as they stand: the key is let in, and nobody without it."""
    (block,) = [block for block in doc_examples.blocks(README, "sh") if "tidegraph keys create" in block]
    migrating, creating, serving = block.splitlines()
    assert serving.startswith("TIDEGRAPH_AUTH=keys tidegraph serve ")
    spawn.run(*migrating.split()[1:])
    key = spawn.run(*creating.split()[1:]).stdout.strip()
    url = f"{spawn.serve(*serving.split()[3:], auth='keys').url}/graphql"
    body = {"query": "{ customers { nodes { id } } }"}
    with_key = httpx2.post(url, json=body, headers=bearer(key), verify=False)
    without = httpx2.post(url, json=body, verify=False)

    assert (200, 401) == (with_key.status_code, without.status_code)


def test_the_operators_page_names_what_there_is() -> None:
    """Every scope and every setting of authentication, with its own names."""
    page = (DOCS / "operating.md").read_text()
    settings = {name for name in Settings.model_fields if name.startswith(("auth", "jwt"))}

    assert {scope.value for scope in Scope} == set(
        re.findall(r"^\| `(\w+(?::\w+)?)` \| (?:to |everything)", page, re.M)
    )
    assert {f"{PREFIX}{name.upper()}" for name in settings} <= set(re.findall(rf"{PREFIX}\w+", page))


@pytest.mark.tidb
async def test_grants_are_enough(tidb: SharedTidb, spawn: Spawn) -> None:
    """The SQL runs as it stands, but for the names, and its two users can do what they are for."""
    name = f"readme_{uuid4().hex[:8]}"
    (script,) = (block.replace("tidegraph", name) for block in doc_examples.blocks(README, "sql"))
    cleaning = f"DROP USER {name}; DROP USER {name}_migrate; DROP DATABASE {name};"
    address = f"{tidb.place}/{name}"
    try:
        await execute(tidb.url(), script)
        migrated = spawn.run("migrate", database_url=f"tidb://{name}_migrate:change me@{address}")
        serving = spawn.serve(database_url=f"tidb://{name}:change me too@{address}")

        assert 0 == migrated.returncode, migrated.stderr
        assert json.loads(doc_examples.blocks(README, "json")[1]) == serving.post(
            doc_examples.blocks(README, "graphql")[1]
        )
    finally:
        await execute(tidb.url(), cleaning)


def test_paths_exist() -> None:
    """Every file and folder that the README and the docs name is there, with what they say is in it."""
    root = README.parent
    pages = [README, root / "CONTRIBUTING.md", *(root / "docs").glob("*.md")]
    text = "\n".join(page.read_text() for page in pages)
    named = set(re.findall(r"`((?:graph|db|tests|docs|bench)/[\w./]*)`", text))
    inside = re.findall(r"`(\w+)` in `([\w/]+\.py)`", text)

    assert len(named) > 20
    assert set() == {path for path in named if not (root / path).exists()}
    assert ("OrderStatus", "graph/types/order_status.py") in inside
    assert [] == [
        found for found in inside if not re.search(rf"\b{found[0]}\b", (root / found[1]).read_text())
    ]
