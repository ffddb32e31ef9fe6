"""Build the documentation site, or serve it while you write.

python scripts/docs.py            build/site; a link or an anchor that leads nowhere is an error
python scripts/docs.py --serve    http://127.0.0.1:8000, built again whenever a page is saved
python scripts/docs.py --out DIR  another folder
"""

import argparse
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Tags whose address a browser fetches by itself, and the attribute that holds it.
_FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
_NOT_FETCHED = {"canonical", "next", "prev", "edit", "alternate"}


class _Addresses(HTMLParser):
    """Collects the addresses on other servers that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record the address of a script, picture, style or font on another server."""
        values = dict(attrs)
        address = values.get(_FETCHED.get(tag, "")) or ""
        if address.startswith(("http:", "https:", "//")) and values.get("rel") not in _NOT_FETCHED:
            self.found.append(address)


def fetched_from_elsewhere(site: Path) -> list[str]:
    """Return "page: address" for each file that a page fetches from another server."""
    found = []
    for page in sorted(site.rglob("*.html")):
        parser = _Addresses()
        parser.feed(page.read_text())
        found += [f"{page.relative_to(site)}: {address}" for address in parser.found]
    return found


def main() -> int:
    """Build or serve the site and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--serve", action="store_true", help="show the site while you write")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="folder of the built site")
    options = parser.parse_args()
    mkdocs = [sys.executable, "-m", "mkdocs"]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    if options.serve:
        return subprocess.call([*mkdocs, "serve"], cwd=ROOT, env=environment)
    site = options.out.resolve()
    code = subprocess.call([*mkdocs, "build", "--strict", "--site-dir", str(site)], cwd=ROOT, env=environment)
    if code:
        return code
    if elsewhere := fetched_from_elsewhere(site):
        print("The site must work without a network, but it fetches:", *elsewhere, sep="\n  ")
        return 1
    print(f"Built {site / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
