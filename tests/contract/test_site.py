"""The documentation site builds strictly, without a network, and its search finds what people look for."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("material") is None or importlib.util.find_spec("mkdocstrings") is None,
    reason="needs pip install 'alframe[docs]'",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a built site; a link or an anchor that leads nowhere is an error."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "docs.py"), "--out", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="module")
def sections(site: Path) -> list[dict[str, str]]:
    """Return the sections of the search index: location, title and text of each."""
    index = json.loads((site / "search" / "search_index.json").read_text())
    found: list[dict[str, str]] = index["docs"]
    return found


def test_each_page_is_written(site: Path) -> None:
    assert len(list((site / "reference" / "config").rglob("*.html"))) > 60
    empty = [path for path in site.rglob("*.html") if "This page is being written" in path.read_text()]
    assert empty == []


@pytest.mark.parametrize("query", ["mislabelled share", "resume", "own strategy", "learner.final.networks"])
def test_the_search_finds_a_page_or_section_of_that_title(query: str, sections: list[dict[str, str]]) -> None:
    # Titles weigh most in the search, so such a section is among the first that it lists.
    titles = [section["title"].lower() for section in sections]
    assert any(all(word in title for word in query.split()) for title in titles)


def test_the_search_works_from_files(site: Path) -> None:
    # A browser loads no JSON beside a page that it reads from a disk; the index is a script too.
    assert (site / "search" / "search_index.js").exists()
    assert "iframe-worker/shim.js" in (site / "index.html").read_text()


def test_an_option_has_a_page_that_links_to_its_class(site: Path) -> None:
    page = (site / "reference" / "config" / "query" / "margin.html").read_text()
    assert 'id="query.spread"' in page
    assert "api/query.html#alframe.query.Margin" in page
