"""Build hook that refuses to build a wheel or sdist without GraphiQL, which nobody would notice."""

import re
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DIST = Path("graph", "graphiql", "dist")


class RequireGraphiQL(BuildHookInterface[Any]):
    """Checks the page and each file that it refers to; an editable installation does without."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        page = Path(self.root) / DIST / "index.html"
        if not page.is_file():
            raise RuntimeError(f"{DIST} is missing: run `make graphiql`, which needs npm, and build again")
        for name in re.findall(r'(?:src|href)="\./([^"]+)"', page.read_text(encoding="utf-8")):
            if not (page.parent / name).is_file():
                raise RuntimeError(f"{DIST / name} is missing: run `make graphiql` and build again")
