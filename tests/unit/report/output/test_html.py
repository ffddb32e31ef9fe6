"""The page: well formed, whole in itself, nothing taken for markup; and what a browser makes of it."""

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from alframe.report.document import Picture, Report, Section, Table
from alframe.report.output.html import MOST_ROWS, data_uri, page
from alframe.report.trial_sections import trial_sections
from tests.support.made_trial import CERTIFICATE, leave_trial, read

EVIL = "<script>alert('&')</script>"
VOID = {"meta", "img", "br", "link", "input", "hr"}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">\n<text id="a">50 % # &amp;</text>\n</svg>'


class Reader(HTMLParser):
    """Keeps what was opened, and refuses what was not closed in order."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(document)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def picture(name: str = "p") -> Picture:
    return Picture(name=name, title=f"t{EVIL}", svg=SVG, png=b"", description=f'"d"{EVIL}', note=f"n{EVIL}")


def table(rows: int) -> Table:
    body = [(f"{EVIL} {'x' * 60}", f"{k / 7:.2f} %", EVIL) for k in range(rows)]
    return Table(name="t", title=f"table {EVIL}", head=("row", "share", EVIL), rows=body, note=EVIL)


def report(*parts: Table | Picture) -> Report:
    sections = [Section(title=EVIL, text=f"{EVIL}\n\nagain", parts=parts), Section(title="second")]
    return Report(title=EVIL, facts=[(EVIL, EVIL)], warnings=[f"beware {EVIL}"], sections=sections)


def test_the_page_is_well_formed_and_all_text_is_text() -> None:
    read = Reader(page(report(picture(), table(3), picture("q"))))
    assert len(read.all("script")) == 1  # its own
    assert read.text.count(EVIL) == 21
    assert all(attributes["alt"] == f'"d"{EVIL}' for attributes in read.all("img"))
    ids = [attributes["id"] for _, attributes in read.tags if attributes.get("id")]
    assert len(set(ids)) == len(ids)


def test_the_page_refers_to_nothing_outside_itself() -> None:
    document = page(report(picture(), table(40)))
    read = Reader(document)
    ids = {attributes.get("id") for _, attributes in read.tags}
    for _, attributes in read.tags:
        assert not {"srcset", "data", "action", "style", "onclick", "onload"} & attributes.keys()
        assert attributes.get("src", "data:image/svg+xml,").startswith("data:image/svg+xml,")  # type: ignore[union-attr]
        assert str(attributes.get("href", "#s1")).removeprefix("#") in ids
    assert not re.search(r"url\(|@import|fetch\(|https?://(?!www\.w3\.org)", unquote(document))
    assert "link" not in {tag for tag, _ in read.tags}


def test_the_browser_may_run_only_that_script_and_fetch_nothing() -> None:
    document = page(report())
    script = document.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(m["content"] for m in Reader(document).all("meta") if "http-equiv" in m)
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )


def test_a_picture_is_read_back_whole_from_its_data_uri() -> None:
    address = data_uri(SVG)
    assert not set(address) & set('"<>#&\n')
    assert unquote(address.removeprefix("data:image/svg+xml,")) == SVG.replace("\n", " ")


def test_long_tables_are_folded_and_warnings_are_not() -> None:
    for rows, folded in ((MOST_ROWS, 1), (MOST_ROWS + 1, 2)):  # the contents are one
        read = Reader(page(report(table(rows))))
        assert len(read.all("details")) == folded
        assert ("details" in read.open) is False
    assert "table <script>alert('&')</script> (31 rows)" in read.text
    assert [a["class"] for a in read.all("section") if "class" in a] == ["warnings"]


def test_figures_are_aligned_right_and_names_left() -> None:
    cells = [("a", "1,234", "0.5 (0.1 to 0.9)", "fast"), ("b", "", "<0.1 %", "12")]
    head = ("name", "n", "share of the samples", "what")
    read = Reader(page(report(Table(name="t", title="t", head=head, rows=cells))))
    scoped = [attributes.get("class") for attributes in read.all("th") if attributes.get("scope") == "col"]
    assert scoped == [None, "n", "n long", None]  # long: room for two lines


def test_small_tables_are_cards_on_a_phone() -> None:
    head = ("group", "hand labels", "test accuracy", "AUBC")
    classes = [
        Reader(page(report(Table(name="t", title="t", head=head[:n], rows=[["a", *"123"][:n]] * rows)))).all(
            "table"
        )[0]["class"]
        for n, rows in ((4, 12), (4, 13), (3, 2))
    ]
    assert classes == ["short cards", "short", "short"]
    read = Reader(
        page(report(Table(name="t", title="t", head=head, rows=[["a", "1", "2 (1 to 3), p 0.5", "3"]])))
    )
    assert [cell["data-title"] for cell in read.all("td")] == list(head[1:])
    assert read.text.count("2 (1 to 3), p 0.5") == 1  # in three parts that may wrap


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HARNESS = """<!DOCTYPE html><title>running</title>
<iframe width="{width}" height="900" frameborder="0" src="page.html"></iframe><script>
document.querySelector("iframe").onload = (event) => {{
  const shown = event.target.contentDocument, root = shown.documentElement;
  for (const each of shown.querySelectorAll("details")) each.open = true;
  const images = [...shown.images].filter((each) => !each.complete || !each.naturalWidth).length;
  const sorted = (number, clicks) => {{
    const table = shown.querySelectorAll("table")[number], button = table.tHead.querySelectorAll("button")[1];
    for (let k = 0; k < clicks; k++) button.click();
    return [...table.tBodies[0].rows].slice(0, 4).map((row) => row.cells[1].textContent).join("; ");
  }};
  const hints = [...shown.querySelectorAll(".hint")].filter((each) => !each.hidden).length;
  document.title = [root.scrollWidth, root.clientWidth, images, hints, sorted(0, 2), sorted(1, 1)].join("|");
}};
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it_without_an_error_or_sideways_scrolling(tmp_path: Path, width: int) -> None:
    directory = leave_trial(tmp_path / "trial", certificate=CERTIFICATE)
    wide = Table(name="w", title="wide", head=("m", *map(str, range(30))), rows=[["0.123"] * 31] * 3)
    times = [["a", "2 min 30 s"], ["b", ""], ["c", "45.0 s"], ["d", "1 h 0 min"]]
    timed = Table(name="s", title="timed", head=("m", "time"), rows=times)
    long = Section(title="x" * 200, text="y" * 300, parts=[table(200), timed, wide])
    whole = Report(
        title="z" * 200,
        facts=[("f" * 90, "g" * 90)],
        warnings=["w" * 200],
        sections=[long, *trial_sections(read(directory))],
    )
    (tmp_path / "page.html").write_text(page(whole))
    (tmp_path / "harness.html").write_text(HARNESS.format(width=width))
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --allow-file-access-from-files --enable-logging=stderr "
        f"--v=0 --user-data-dir={tmp_path / 'profile'} --virtual-time-budget=5000 --dump-dom"
    )
    command = [str(CHROMIUM), *flags.split(), (tmp_path / "harness.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    result = re.search("<title>(.*)</title>", done.stdout)
    assert result, done.stdout[:500]
    needed, given, broken_images, hints, *tops = result[1].split("|")
    assert int(needed) <= int(given)
    assert 0 <= width - int(given) <= 20  # a scroll bar
    assert broken_images == "0"
    assert int(hints) >= 1  # the table of 31 columns says that it scrolls
    # By size, the largest first: 199 / 7 and so on; by letters it would be 9.86 %.
    assert tops[0] == "28.43 %; 28.29 %; 28.14 %; 28.00 %"
    assert tops[1] == "45.0 s; 2 min 30 s; 1 h 0 min; "
