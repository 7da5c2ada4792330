"""The pages of docs/runbooks, which travel with the wheel, as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from markdown_it import MarkdownIt

_SHIPPED = Path(__file__).parents[1] / "_runbooks"
FOLDER = _SHIPPED if _SHIPPED.is_dir() else Path(__file__).parents[2] / "docs" / "runbooks"

INDEX = "README"


@dataclass(frozen=True, slots=True)
class Runbook:
    """One page."""

    title: str
    html: str


def names() -> list[str]:
    """All pages, the index among them."""
    return sorted(page.stem for page in FOLDER.glob("*.md"))


@lru_cache(maxsize=64)
def runbook(name: str) -> Runbook | None:
    """The page of this name, or None."""
    if name not in names():
        return None
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return Runbook(text.partition("\n")[0].removeprefix("# "), html)
