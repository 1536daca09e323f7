"""The page for browsers, where GraphiQL was built and where it was not, and the policy that comes with it."""

import re
from pathlib import Path

from graph.http.graphiql import BASE_POLICY, GraphiQL, content_security_policy


def test_without_a_build_the_page_loads_from_the_internet(tmp_path: Path) -> None:
    """Only exactly what it names, with hashes of the content, and no assets of its own."""
    graphiql = GraphiQL(tmp_path)
    page = graphiql.page()
    html, allowed = bytes(page.body).decode(), page.headers["Content-Security-Policy"]
    tags = re.findall(r"<(?:script|link)[^>]+https://[^>]+>", html)
    directives = dict(directive.split(" ", 1) for directive in allowed.split("; "))
    addresses = {address for tag in tags for address in re.findall(r'"(https://[^"]+)"', tag)}

    assert not graphiql.is_built
    assert [] == graphiql.routes()
    assert "graphiql" in html.lower()
    assert tags
    assert all(re.search(r"@\d+\.\d+\.\d+/", tag) and 'integrity="sha384-' in tag for tag in tags)
    assert addresses == {url for url in allowed.replace(";", "").split() if url.startswith("https://")}
    assert "'unsafe-inline'" not in directives["script-src"]
    assert ("'none'", "'self'") == (directives["default-src"], directives["connect-src"])


def test_a_script_in_the_page_is_allowed_by_its_hash() -> None:
    """As Content Security Policy Level 3 computes it."""
    allowed = content_security_policy("<script>alert('Hello, world.');</script>")

    assert "script-src 'self' 'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='; " in allowed


def test_a_build_is_shown_and_loads_nothing_from_outside(tmp_path: Path) -> None:
    """Its own page, with the policy, and its assets beside it."""
    (tmp_path / "graphql" / "assets").mkdir(parents=True)
    (tmp_path / "index.html").write_text("<title>Tidegraph</title>")
    graphiql = GraphiQL(tmp_path)
    page = graphiql.page()

    assert b"<title>Tidegraph</title>" == page.body
    assert BASE_POLICY == page.headers["Content-Security-Policy"]
    assert ["/graphql/assets"] == [route.path for route in graphiql.routes()]
