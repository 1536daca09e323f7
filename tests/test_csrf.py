"""What a browser sends for another site's page: refused before it is run, unless that page is allowed to."""

from typing import Any
from uuid import uuid4

import httpx2
import pytest

from db.engine.database import Database
from tests.api import Api
from tests.conftest import on_sqlite
from tests.processes import Serving, Spawn

APP = "https://app.example.com"
EVIL = "https://evil.example"
CREATE = """
mutation ($username: String!) {
  createCustomer(input: {username: $username, name: "Ada"}) { customer { username } }
}
"""
FIND = "query ($username: String!) { customer(by: {username: $username}) { username } }"
QUERY = {"query": "{ __typename }"}

CROSS_SITE: dict[str, dict[str, str]] = {
    "a page of another site": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
    "a page of a sister site": {"Origin": "https://blog.example.com", "Sec-Fetch-Site": "same-site"},
    "a browser that says no more than the origin": {"Origin": EVIL},
    "a page without an origin": {"Origin": "null"},
    "a page of another site that hides its origin": {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    "a script's or an image's address": {"Sec-Fetch-Site": "cross-site"},
    "a sister site's image": {"Sec-Fetch-Site": "same-site"},
    "a kind of site that is not known": {"Sec-Fetch-Site": "nearby"},
    "an origin of nothing": {"Origin": ""},
}


def code(response: httpx2.Response) -> str:
    answer = response.json()
    assert "data" not in answer
    found: str = answer["errors"][0]["extensions"]["code"]
    return found


@pytest.mark.parametrize("headers", CROSS_SITE.values(), ids=CROSS_SITE)
def test_what_another_site_sends_is_refused(headers: dict[str, str], server: Serving) -> None:
    """By POST and by GET, over a socket; the mutation is not run."""
    url, username = f"{server.url}/graphql", uuid4().hex
    body = {"query": CREATE, "variables": {"username": username}}
    posted = httpx2.post(url, json=body, headers=headers, verify=False)
    got = httpx2.get(url, params=QUERY, headers=headers, verify=False)

    assert [(403, "FORBIDDEN")] * 2 == [(each.status_code, code(each)) for each in (posted, got)]
    assert {"data": {"customer": None}} == server.post(FIND, username=username)


def own(server: Serving) -> dict[str, dict[str, str]]:
    return {
        "no browser": {},
        "its own page": {"Origin": server.url, "Sec-Fetch-Site": "same-origin"},
        "its own page in an old browser": {"Origin": server.url},
        "its own page behind a proxy that changes Host": {"Origin": APP, "Sec-Fetch-Site": "same-origin"},
        "an address that somebody typed": {"Sec-Fetch-Site": "none"},
    }


def test_what_its_own_page_sends_is_run(server: Serving) -> None:
    """And what comes from no page."""
    url, callers = f"{server.url}/graphql", own(server)
    posted = [httpx2.post(url, json=QUERY, headers=each, verify=False) for each in callers.values()]
    got = [httpx2.get(url, params=QUERY, headers=each, verify=False) for each in callers.values()]

    assert dict.fromkeys(callers, ({"data": {"__typename": "Query"}},) * 2) == {
        name: (by_post.json(), by_get.json())
        for name, by_post, by_get in zip(callers, posted, got, strict=True)
    }


def test_the_page_is_shown_to_those_who_followed_a_link(server: Serving) -> None:
    """A link that brings a query along is another matter."""
    headers = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    page = httpx2.get(f"{server.url}/graphql", headers=headers, verify=False)
    query = httpx2.get(f"{server.url}/graphql", params=QUERY, headers=headers, verify=False)

    assert (200, "text/html; charset=utf-8") == (page.status_code, page.headers["Content-Type"])
    assert (403, "FORBIDDEN") == (query.status_code, code(query))


@on_sqlite
def test_an_allowed_app_may_call(database_url: str, spawn: Spawn) -> None:
    """With the headers that its browser sends; its neighbours may not."""
    url = f"{spawn.serve(database_url=database_url, cors_origins=APP).url}/graphql"
    headers = [{"Origin": each, "Sec-Fetch-Site": "cross-site"} for each in (APP, f"{APP}:8443", EVIL)]
    answers = [httpx2.post(url, json=QUERY, headers=each, verify=False) for each in headers]

    assert [200, 403, 403] == [each.status_code for each in answers]


LOCAL = {"Origin": "http://localhost:5173", "Sec-Fetch-Site": "same-site"}


@on_sqlite
@pytest.mark.parametrize(("env", "status"), [("development", 200), ("production", 403)])
async def test_a_dev_server_may_call_in_development(database: Database, env: Any, status: int) -> None:
    """From any port of localhost, and from no name that only begins so."""
    async with Api.of(database, env=env) as api:
        local = await api.client.post("/graphql", json=QUERY, headers=LOCAL)
        other = {"Origin": "http://localhost:5173.evil.example"}
        foreign = await api.client.post("/graphql", json=QUERY, headers=other)

    assert (status, 403) == (local.status_code, foreign.status_code)
