"""Settings: where they come from, and the one line that a bad one ends with."""

from pathlib import Path

import pytest

from graph import settings
from graph.settings import KUBERNETES, Settings, SettingsError

FORMS = "sqlite:///file.db, tidb://user:password@host:4000/name, mysql+aiomysql://… or mysql+asyncmy://…"
AN_ORIGIN = "must list origins such as https://app.example.com, not"
A_SOURCE = "must be an existing file or an https:// URL."
BAD = [
    ("database_url", "postgres://db/shop", f"must look like {FORMS}."),
    ("database_url", "", f"must look like {FORMS}."),
    ("env", "staging", "must be 'development' or 'production'."),
    ("auth", "key", "must be 'none', 'keys', 'jwt' or 'keys,jwt'."),
    (
        "auth",
        "jwt",
        "jwt requires TIDEGRAPH_JWT_JWKS, TIDEGRAPH_JWT_ISSUER, TIDEGRAPH_JWT_AUDIENCE.",
    ),
    ("jwt_jwks", "nowhere.json", A_SOURCE),
    ("jwt_jwks", "http://id.example.com/jwks.json", A_SOURCE),
    ("jwt_jwks", "http://localhost:80@id.example.com/jwks.json", A_SOURCE),
    ("jwt_jwks", "https://user:s3cret@id.example.com/jwks.json", A_SOURCE),
    ("jwt_jwks", "https://", A_SOURCE),
    ("jwt_jwks", "file:///etc/passwd", A_SOURCE),
    ("jwt_scope_claim", "", "must have at least 1 character."),
    ("cors_origins", "*", f"{AN_ORIGIN} '*'."),
    ("cors_origins", "https://a.example, b.example", f"{AN_ORIGIN} 'b.example'."),
    ("cors_origins", "https://a.example/", f"{AN_ORIGIN} 'https://a.example/'."),
    ("introspection", "maybe", "must be a valid boolean."),
    ("federation", "maybe", "must be a valid boolean."),
    ("request_timeout", "ten", "must be a valid number."),
    ("request_timeout", "0", "must be greater than 0."),
    ("request_timeout", "nan", "must be a finite number."),
    ("lock_timeout", "-1", "must be greater than 0."),
    ("lock_timeout", "5", "must be less than half of TIDEGRAPH_REQUEST_TIMEOUT: locks are waited for twice."),
    ("retry_attempts", "0", "must be greater than or equal to 1."),
    ("retry_timeout", "0", "must be greater than 0."),
    ("idempotency_hours", "0", "must be greater than 0."),
    ("pool_size", "0", "must be greater than or equal to 1."),
    ("pool_size", "1.5", "must be a valid integer."),
    ("pool_timeout", "", "must be a valid number."),
    ("pool_recycle", "0", "must be greater than 0."),
    ("cost_limit", "0", "must be greater than or equal to 1."),
    ("trusted_documents", "/nowhere", "names a file that cannot be read: No such file or directory."),
    ("trusted_documents", __file__, "names a file that is not JSON."),
    ("only_trusted_documents", "true", "requires TIDEGRAPH_TRUSTED_DOCUMENTS."),
    ("only_trusted_documents", "perhaps", "must be a valid boolean."),
    ("body_limit", "1MB", "must be a valid integer."),
    ("bodies_limit", "1999999", "must be at least twice TIDEGRAPH_BODY_LIMIT."),
    ("document_limit", "0", "must be greater than or equal to 1."),
    ("response_limit", "9999", "must be greater than or equal to 10000."),
    ("token_limit", "0", "must be greater than or equal to 1."),
    ("depth_limit", "101", "must be less than or equal to 100."),
    ("field_limit", "0", "must be greater than or equal to 1."),
    ("alias_limit", "-1", "must be greater than or equal to 0."),
    ("directive_limit", "-1", "must be greater than or equal to 0."),
    ("list_limit", "0", "must be greater than or equal to 1."),
    ("value_limit", "0", "must be greater than or equal to 1."),
    ("header_timeout", "0", "must be greater than 0."),
    ("body_timeout", "-1", "must be greater than 0."),
    ("write_timeout", "0", "must be greater than 0."),
    ("keep_alive_timeout", "4000", "must be less than or equal to 3600."),
    ("connection_limit", "0", "must be greater than or equal to 1."),
    ("concurrency_limit", "0", "must be greater than or equal to 1."),
    ("queue_limit", "-1", "must be greater than or equal to 0."),
    ("queue_timeout", "0", "must be greater than 0."),
    ("rate_limit", "fast", "must be rates such as 100/second; 2000/minute."),
    ("rate_limit", "0/second", "must be rates such as 100/second; 2000/minute."),
    (
        "rate_limit_storage",
        "mysql://:s3cret@db",
        "must be memory:// or a URL that `limits` supports: unknown kind of storage.",
    ),
    ("shutdown_delay", "-1", "must be greater than or equal to 0."),
    ("shutdown_delay", "inf", "must be a finite number."),
]
KNOWN = ", ".join(sorted(f"TIDEGRAPH_{name.upper()}" for name in Settings.model_fields))

pytestmark = pytest.mark.usefixtures("nothing_set")


def refused() -> str:
    with pytest.raises(SettingsError) as caught:
        settings.load()
    return str(caught.value)


def test_defaults_are_sqlite_in_production() -> None:
    """Without any setting it has a file of its own and helps nobody to look inside."""
    expected = {
        "database_url": "sqlite:///tidegraph.db",
        "env": "production",
        "jwt_jwks": "",
        "jwt_issuer": "",
        "jwt_audience": "",
        "jwt_scope_claim": "scope",
        "jwt_customer_claim": "",
        "auth": "none",
        "cors_origins": (),
        "introspection": True,
        "federation": False,
        "request_timeout": 10.0,
        "lock_timeout": 3.0,
        "retry_attempts": 12,
        "retry_timeout": 8.0,
        "idempotency_hours": 24.0,
        "pool_size": 10,
        "pool_timeout": 5.0,
        "pool_recycle": 300.0,
        "cost_limit": 20_000,
        "shutdown_delay": 1.0,
        "trusted_documents": "",
        "only_trusted_documents": False,
        "body_limit": 1_000_000,
        "bodies_limit": 50_000_000,
        "document_limit": 100_000,
        "response_limit": 10_000_000,
        "token_limit": 10_000,
        "depth_limit": 50,
        "field_limit": 2_000,
        "alias_limit": 200,
        "directive_limit": 100,
        "list_limit": 1_000,
        "value_limit": 50_000,
        "header_timeout": 10.0,
        "body_timeout": 10.0,
        "write_timeout": 10.0,
        "keep_alive_timeout": 75.0,
        "connection_limit": 5_000,
        "concurrency_limit": 64,
        "queue_limit": 256,
        "queue_timeout": 5.0,
        "rate_limit": "",
        "rate_limit_storage": "memory://",
    }

    assert expected == settings.load().model_dump()


@pytest.mark.parametrize(("name", "value", "reason"), BAD)
def test_a_bad_value_is_named(name: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the variable's name and what it takes."""
    monkeypatch.setenv(f"TIDEGRAPH_{name.upper()}", value)

    assert f"TIDEGRAPH_{name.upper()} {reason}" == refused()


def test_half_of_a_short_request_timeout_is_below_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who shortens the one is told to shorten the other."""
    monkeypatch.setenv("TIDEGRAPH_REQUEST_TIMEOUT", "6")

    assert refused().startswith("TIDEGRAPH_LOCK_TIMEOUT must be less than half of TIDEGRAPH_REQUEST_TIMEOUT")


def test_every_setting_is_checked() -> None:
    """Each setting has a value above that it does not take, but for text that others make up."""
    anything = {"jwt_issuer", "jwt_audience", "jwt_customer_claim"}

    assert set(Settings.model_fields) == {name for name, _, _ in BAD} | anything


@pytest.mark.parametrize(
    "source", ["https://id.example.com/jwks.json", "http://127.0.0.1:8080/jwks", "keys.json"]
)
def test_tokens_take_their_three_settings(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, or a URL that nobody on the way can answer for."""
    Path("keys.json").write_text("{}")
    given = {"AUTH": "keys,jwt", "JWT_JWKS": source, "JWT_ISSUER": "id", "JWT_AUDIENCE": "us"}
    for name, value in given.items():
        monkeypatch.setenv(f"TIDEGRAPH_{name}", value)

    assert ("keys,jwt", source) == (settings.load().auth, settings.load().jwt_jwks)


@pytest.mark.parametrize("auth", [None, "none", "keys"])
def test_keys_of_tokens_are_not_given_for_nothing(auth: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a server that was to ask for tokens would ask for none."""
    monkeypatch.setenv("TIDEGRAPH_JWT_JWKS", "https://id.example.com/jwks.json")
    if auth:
        monkeypatch.setenv("TIDEGRAPH_AUTH", auth)

    assert "TIDEGRAPH_AUTH must be jwt or keys,jwt when TIDEGRAPH_JWT_JWKS is set." == refused()


@pytest.mark.parametrize("name", ["TIDEGRAPH_POOLSIZE", "tidegraph_poolsize"])
def test_an_unknown_variable_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt setting does not pass as its default."""
    monkeypatch.setenv(name, "5")

    assert f"{name} in the environment is not a setting. Known: {KNOWN}." == refused()


def service_variables(name: str, address: str) -> dict[str, str]:
    """What Kubernetes sets for a Service with the named ports http and grpc-web."""
    at = f"[{address}]" if ":" in address else address
    ports = {
        f"PORT_{number}_TCP{suffix}": value
        for number in ("8000", "9000")
        for suffix, value in {
            "": f"tcp://{at}:{number}",
            "_PROTO": "tcp",
            "_PORT": number,
            "_ADDR": address,
        }.items()
    }
    service = {"HOST": address, "PORT": "8000", "PORT_HTTP": "8000", "PORT_GRPC_WEB": "9000"}
    variables = {
        "PORT": f"tcp://{at}:8000",
        **ports,
        **{f"SERVICE_{key}": value for key, value in service.items()},
    }
    return {f"{name}_{key}": value for key, value in variables.items()}


@pytest.mark.parametrize("name", ["TIDEGRAPH", "TIDEGRAPH_READS", "TIDEGRAPH_POOL_SIZE", "TIDEGRAPH_2__B"])
@pytest.mark.parametrize("address", ["10.96.0.12", "fd00:10:96::c"])
def test_variables_of_kubernetes_are_ignored(
    name: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Service called tidegraph or tidegraph-reads is described to every container of its namespace."""
    variables = service_variables(name, address)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)

    assert 13 == len(variables)
    assert 10 == settings.load().pool_size


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TIDEGRAPH_PORT", "9000"),
        ("TIDEGRAPH_PORT", ""),
        ("TIDEGRAPH_PORT", "tcp://10.96.0.12:8000\n"),
        ("TIDEGRAPH_HOST", "10.96.0.12"),
        ("TIDEGRAPH_SERVICE_HOST", "example.com"),
        ("TIDEGRAPH_SERVICE_HOST", "cafe"),
        ("TIDEGRAPH_SERVICE_PORT", "http"),
        ("TIDEGRAPH_DATABASE_PORT", "4000"),
        ("TIDEGRAPH_PORT_8000_TCP", "8000"),
        ("TIDEGRAPH_PORTS", "tcp://10.96.0.12:8000"),
        ("tidegraph_port", "tcp://10.96.0.12:8000"),
        ("TIDEGRAPH_POOL_SIZES", "5"),
    ],
)
def test_variables_that_kubernetes_would_not_set_are_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody meant a setting, or the option --port."""
    monkeypatch.setenv(name, value)

    assert refused().startswith(f"{name} in the environment is not a setting. ")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_no_setting_looks_like_a_variable_of_kubernetes(name: str) -> None:
    """Else a Service of an unlucky name would change it."""
    for value in service_variables("TIDEGRAPH", "10.96.0.12").values():
        assert not KUBERNETES.fullmatch(f"TIDEGRAPH_{name.upper()}={value}")


def test_origins_are_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commas with or without spaces, written as browsers write them."""
    monkeypatch.setenv("TIDEGRAPH_CORS_ORIGINS", "https://App.example.com, http://[::1]:3000,,")

    assert ("https://app.example.com", "http://[::1]:3000") == settings.load().cors_origins


@pytest.mark.parametrize(
    "url",
    [
        "tidb://shop:s3cret@127.0.0.1:port/shop",
        "tidb://shop:s3cret@127.0.0.1/",
        "tidb://shop:s3cret@/shop",
        "tidb://shop:s3cret@127.0.0.1/shop?tls=maybe",
        "tidb://shop:s3cret@127.0.0.1/shop?ca=/nowhere/ca.pem",
        "tidb://shop:s3cret@127.0.0.1/shop?charset=latin1",
        "tidb://shop:pass@s3cret@127.0.0.1/shop",
        "postgres://shop:s3cret@127.0.0.1/shop",
    ],
)
def test_a_bad_url_keeps_its_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with the URL, the message does not quote the password."""
    monkeypatch.setenv("TIDEGRAPH_DATABASE_URL", url)

    assert "s3cret" not in refused()


def test_settings_do_not_show_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither printed whole nor by the name of the database."""
    monkeypatch.setenv("TIDEGRAPH_DATABASE_URL", "tidb://shop:s3cret@127.0.0.1/shop")
    loaded = settings.load()

    assert "tidb://shop:***@127.0.0.1:4000/shop" == loaded.redacted_database_url
    assert "s3cret" not in repr(loaded)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_says_what_it_is(name: str) -> None:
    """In one sentence, which the README's table shows."""
    description = Settings.model_fields[name].description or ""

    assert description.endswith(".")
    assert ". " not in description
