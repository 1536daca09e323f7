"""What docker starts: pinned, on loopback alone, with settings and files that exist."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from graph import settings
from graph.http.server import GRACE_SECONDS
from graph.settings import Settings

ROOT = Path(__file__).parents[1]
COMPOSE, DOCKERFILE = ROOT / "docker-compose.yml", ROOT / "Dockerfile"
README = ROOT / "README.md"
ENV_EXAMPLE, DOCKERIGNORE = ROOT / ".env.example", ROOT / ".dockerignore"
PROFILES = {
    "single": {"server", "migrate", "tidb"},
    "cluster": {"server", "migrate", "tidb1", "tidb2", "pd", "tikv1", "tikv2", "tikv3"},
}


def _services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return services


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def _instructions(name: str) -> list[str]:
    """The arguments of each such instruction of the Dockerfile."""
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    return re.findall(rf"^{name}\s+(.+)$", text, re.MULTILINE)


def _copied() -> list[str]:
    """What the Dockerfile copies from the project, not from another stage."""
    lines = [line.split() for line in _instructions("COPY") if not line.startswith("--from")]
    return [source for *sources, _ in lines for source in sources]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_starts_its_services(profile: str) -> None:
    """Each has its own TiDB, and both the same tables and API."""
    started = {name for name, one in _services().items() if profile in one["profiles"]}

    assert started == PROFILES[profile]


def test_the_example_of_env_picks_a_profile() -> None:
    """`docker compose up` after copying it starts one TiDB."""
    assert "COMPOSE_PROFILES=single" in ENV_EXAMPLE.read_text().splitlines()


def test_images_from_elsewhere_have_a_version() -> None:
    """All of TiDB is one release, which the README recommends."""
    images = [one["image"] for one in _services().values() if "build" not in one]
    parts = {image.partition(":")[0] for image in images}
    (version,) = {image.partition(":")[2] for image in images}
    recommended = re.findall(r"TiDB\s+(\d+\.\d+\.\d+) or later", README.read_text())

    assert parts == {f"pingcap/{part}" for part in ("tidb", "pd", "tikv")}
    assert [_numbers(each) <= _numbers(version) for each in recommended] == [True]


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.removeprefix("v").split(".")]


@pytest.mark.usefixtures("nothing_set")
def test_the_server_has_time_to_drain() -> None:
    """Docker kills it after 10 seconds otherwise, in the middle of a request."""
    loaded = settings.load()
    needed = loaded.shutdown_delay + loaded.body_timeout + loaded.request_timeout + GRACE_SECONDS
    grace = re.fullmatch(r"(\d+)s", _services()["server"]["stop_grace_period"])

    assert grace
    assert needed <= int(grace.group(1))


def test_only_the_api_has_a_port_and_that_on_loopback() -> None:
    """Neither TiDB, whose root has no password, nor the API can be reached from elsewhere."""
    ports = {name: one["ports"] for name, one in _services().items() if "ports" in one}

    assert ports == {"server": ["127.0.0.1:8000:8000"]}


@pytest.mark.parametrize("profile", PROFILES)
def test_dependencies_are_there_or_not_required(profile: str) -> None:
    """In each profile, and those that are waited for can be seen to be healthy."""
    services = _services()
    for one in PROFILES[profile]:
        for name, how in services[one].get("depends_on", {}).items():
            assert name in services
            assert name in PROFILES[profile] or not how.get("required", True)
            assert how["condition"] != "service_healthy" or "test" in services[name]["healthcheck"]


def test_data_lie_in_named_volumes() -> None:
    """Whatever stores data has one of its own."""
    mounted = [volume.split(":")[0] for one in _services().values() for volume in one.get("volumes", [])]

    assert sorted(mounted) == sorted(yaml.safe_load(COMPOSE.read_text())["volumes"])
    assert len(mounted) == len(set(mounted))


@pytest.mark.parametrize("path", [COMPOSE, DOCKERFILE, ENV_EXAMPLE], ids=lambda path: path.name)
def test_settings_that_are_named_exist(path: Path) -> None:
    """A setting that was renamed in the code is renamed here too."""
    known = {f"TIDEGRAPH_{name.upper()}" for name in Settings.model_fields}

    assert set(re.findall(r"TIDEGRAPH_[A-Z_]+", path.read_text())) - {"TIDEGRAPH_"} <= known


def test_env_gives_containers_no_database() -> None:
    """An address for the laptop means something else, or nothing, inside of a container."""
    urls = {one["environment"]["TIDEGRAPH_DATABASE_URL"] for one in _services().values() if "build" in one}

    assert urls == {"tidb://root@tidb:4000/tidegraph"}


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    """A file that moved breaks this test before it breaks the image."""
    patterns = DOCKERIGNORE.read_text().splitlines()
    for source in _copied():
        assert (ROOT / source).exists(), source
        assert f"!{source.split('/')[0]}" in patterns, source


def test_the_image_does_not_run_as_root() -> None:
    """By a number, which an orchestrator can check."""
    assert int(_instructions("USER")[-1]) > 0


@pytest.mark.parametrize("profile", PROFILES)
def test_docker_compose_takes_the_file(profile: str) -> None:
    """By its own reading of the file, where it is installed."""
    if not _succeeds(["docker", "compose", "version"]):
        pytest.skip("docker has no compose plugin here")
    command = ["docker", "compose", "--env-file", str(ENV_EXAMPLE), "--profile", profile, "config"]
    done = subprocess.run([*command, "--format", "json"], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert PROFILES[profile] <= set(json.loads(done.stdout)["services"])
