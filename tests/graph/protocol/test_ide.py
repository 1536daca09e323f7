"""The page for browsers where GraphiQL was not built: it is there all the same, and nobody's assets are."""

from pathlib import Path

from graph.protocol.ide import POLICY, Ide


def test_without_a_build_the_page_loads_from_the_internet(tmp_path: Path) -> None:
    """So it has no policy that would forbid that, and no assets of its own."""
    ide = Ide(tmp_path)
    page = ide.page()

    assert not ide.is_built
    assert "https://" in bytes(page.body).decode()
    assert "graphiql" in bytes(page.body).decode().lower()
    assert "Content-Security-Policy" not in page.headers
    assert [] == ide.routes()


def test_a_build_is_shown_and_loads_nothing_from_outside(tmp_path: Path) -> None:
    """Its own page, with the policy, and its assets beside it."""
    (tmp_path / "graphql" / "assets").mkdir(parents=True)
    (tmp_path / "index.html").write_text("<title>Tidegraph</title>")
    ide = Ide(tmp_path)
    page = ide.page()

    assert b"<title>Tidegraph</title>" == page.body
    assert POLICY == page.headers["Content-Security-Policy"]
    assert ["/graphql/assets"] == [route.path for route in ide.routes()]
