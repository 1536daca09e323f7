"""What an installation gets: the program, the page that was built, and nothing that only builds it."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.tree import copy_tree


@pytest.fixture
def wheel(tmp_path: Path) -> set[str]:
    """The names in a wheel of this tree, with a page as `make graphiql` leaves it; nothing is downloaded."""
    tree = copy_tree(tmp_path / "tree")
    assets = tree / "graph" / "graphiql" / "dist" / "graphql" / "assets"
    assets.mkdir(parents=True)
    (assets.parents[1] / "index.html").write_text("<title>Tidegraph</title>")
    (assets.parents[1] / ".tried").touch()
    (assets / "index-abc123.js").write_text("1")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    with ZipFile(built) as archive:
        return set(archive.namelist())


def test_a_wheel_has_the_page_and_not_its_sources(wheel: set[str]) -> None:
    """Of GraphiQL only what a browser is given."""
    assert {
        "graph/graphiql/dist/index.html",
        "graph/graphiql/dist/graphql/assets/index-abc123.js",
    } == {name for name in wheel if name.startswith("graph/graphiql/")}


def test_a_wheel_has_the_program(wheel: set[str]) -> None:
    """Its packages with their types and migrations, and neither tests nor benchmarks."""
    packages = {name.partition("/")[0] for name in wheel if ".dist-info/" not in name}

    assert {"db", "graph"} == packages
    assert {"db/py.typed", "graph/py.typed", "db/migrations/versions/0001_customers.py"} <= wheel
