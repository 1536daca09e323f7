"""What an installation gets: the program, the page that was built, and nothing that only builds it."""

import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import httpx2
import pytest

from hatch_build import RequireGraphiQL
from tests.processes import START_SECONDS, environment, wait_until
from tests.source_tree import copy_tree

INDEX, SCRIPT = "graph/graphiql/dist/index.html", "graph/graphiql/dist/graphql/assets/index-abc123.js"
PAGE = '<title>Tidegraph</title><script type="module" src="./graphql/assets/index-abc123.js"></script>'


class Built(NamedTuple):
    """An sdist, and the wheel that was built from it alone."""

    sdist: Path
    wheel: Path


def build(tree: Path, target: str, to: Path) -> "subprocess.CompletedProcess[str]":
    """Build as `python -m build` does, with the build backend that is installed: nothing is downloaded."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(to)]
    return subprocess.run(command, cwd=tree, check=False, capture_output=True, text=True)


def tree_with_page(to: Path) -> Path:
    """The tree with a page as `make graphiql` leaves it."""
    tree = copy_tree(to)
    (tree / SCRIPT).parent.mkdir(parents=True)
    (tree / SCRIPT).write_text("1")
    (tree / INDEX).write_text(PAGE)
    (tree / INDEX).with_name(".tried").touch()
    return tree


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    to = tmp_path_factory.mktemp("built")
    assert 0 == build(tree_with_page(to / "tree"), "sdist", to).returncode
    (sdist,) = to.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(to, filter="data")
    assert 0 == build(to / sdist.name.removesuffix(".tar.gz"), "wheel", to).returncode
    (wheel,) = to.glob("*.whl")
    return Built(sdist, wheel)


def test_a_wheel_has_the_program_and_the_page(built: Built) -> None:
    """Its packages with their types and migrations, and of GraphiQL only what a browser is given."""
    with ZipFile(built.wheel) as archive:
        names = set(archive.namelist())
    packages = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    migration = "db/migrations/versions/0001_customers.py"

    assert {"db", "graph"} == packages
    assert {"db/py.typed", "graph/py.typed", migration} <= names
    assert {INDEX, SCRIPT} == {name for name in names if name.startswith("graph/graphiql/")}
    assert ["LICENSE"] == [name.rpartition("/")[2] for name in names if "/licenses/" in name]


def test_an_sdist_has_everything_that_a_build_and_a_test_need(built: Built) -> None:
    """The tree, with the page that was built, and without what only this repository's CI reads."""
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {INDEX, SCRIPT, "hatch_build.py", "LICENSE", "Makefile", "tests/conftest.py"} <= names
    assert not any(name.startswith(".ci") for name in names)


def test_an_installed_wheel_serves_the_page(built: Built, tmp_path: Path) -> None:
    """In a new virtual environment, which has this one's libraries and not its Tidegraph."""
    venv, folder = tmp_path / "venv", tmp_path / "folder"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (site,) = venv.glob("lib/python3*/site-packages")
    # A path file does not read the path files of the directory that it names: no editable Tidegraph.
    libraries = Path(httpx2.__file__).parents[1]
    (site / "libraries.pth").write_text(f"{libraries}\n")
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python")]
    subprocess.run(
        [*pip, "install", "-q", "--no-compile", "--no-index", "--no-deps", built.wheel], check=True
    )
    log = folder / "log"
    with log.open("w") as out:
        serving = subprocess.Popen(
            [venv / "bin" / "tidegraph", "serve", "--port", "0"],
            cwd=folder,
            env=environment({"shutdown_delay": "0"}),
            stdout=out,
            stderr=out,
        )
    try:
        wait_until(lambda: '"serving"' in log.read_text() or serving.poll() is not None)
        url = log.read_text().partition('"api": "')[2].partition('"')[0]
        page = httpx2.get(url, headers={"Accept": "text/html"}, verify=False)
        script = httpx2.get(f"{url}/assets/index-abc123.js", verify=False)
    finally:
        serving.terminate()
        serving.wait(START_SECONDS)

    assert PAGE == page.text
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert (200, "1") == (script.status_code, script.text)


@pytest.mark.parametrize("missing", [INDEX, SCRIPT])
def test_a_build_without_the_page_fails(missing: str, tmp_path: Path) -> None:
    """Its users would get a page that needs internet, and notice nothing."""
    tree = tree_with_page(tmp_path / "tree")
    (tree / missing).unlink()
    for target in ("sdist", "wheel"):
        done = build(tree, target, tmp_path / "to")
        message = done.stderr.splitlines()[-1]

        assert 1 == done.returncode
        assert message.startswith("RuntimeError: graph/graphiql/dist")
        assert "is missing: run `make graphiql`" in message
    assert [] == list(tmp_path.glob("to/*"))


def test_an_editable_installation_does_without_the_page(tmp_path: Path) -> None:
    """`make run` works on a machine without npm."""
    hook: Any = RequireGraphiQL(str(tmp_path), {}, None, None, "", "wheel")  # type: ignore[arg-type]
    hook.initialize("editable", {})

    with pytest.raises(RuntimeError):
        hook.initialize("standard", {})
