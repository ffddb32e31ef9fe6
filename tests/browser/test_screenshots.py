"""The pictures of the page in the docs, drawn from a trial that a person labels: make screenshots."""

import io
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("bottle", reason="bottle is not installed (extra page)")

from tests.browser.conftest import ROOT
from tests.browser.fruit import KINDS, write_folder
from tests.browser.person import Person
from tests.browser.test_product import TOKEN
from tests.support.helpers import alframe_process
from tests.support.page_client import Terminal

N = 400
TRUTH = [number % len(KINDS) for number in range(N)]
SETTINGS = [
    *(
        "data=folder",
        "data.path=fruit",
        f"data.class_names=[{','.join(KINDS)}]",
        "oracle=page",
        "tracker=none",
    ),
    *("page.open=false", f"page.token={TOKEN}", "hydra.run.dir=fruit_labels"),
    *("device=cpu", "encoder=efficientnet_lite0", "initial.num=16", "query.num=100", "stopping.max_rounds=2"),
    *("stopping.min_rounds=2", "auto_label=top_k", "auto_label.share=0.3", "remainder=hand", "check.num=40"),
    "page.both_share=0.2",
]
COLOURS = 256  # of a picture: keeps the files small


@pytest.fixture(scope="module")
def out() -> Path:
    """The folder that the pictures are written to."""
    if "ALFRAME_SCREENSHOTS" not in os.environ:
        pytest.skip("make screenshots draws them")
    return ROOT / os.environ["ALFRAME_SCREENSHOTS"]


class Camera:
    """Takes pictures of a page, light or dark, wide or narrow; each name once."""

    def __init__(self, page: Any, out: Path) -> None:
        self.page, self.out = page, out
        self.taken: set[str] = set()

    def __call__(self, name: str, *, width: int = 1120, height: int = 700, scheme: str = "light") -> None:
        """Write page-NAME.png."""
        if name in self.taken:
            return
        self.taken.add(name)
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        self.page.wait_for_timeout(400)
        with Image.open(io.BytesIO(self.page.screenshot())) as image:
            whole = image.convert("RGB")
            small = whole.quantize(palette=whole.quantize(COLOURS), dither=Image.Dither.FLOYDSTEINBERG)
            small.save(self.out / f"page-{name}.png", optimize=True)
        self.page.set_viewport_size({"width": 1120, "height": 700})
        self.page.emulate_media(color_scheme="light")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_screenshots(tmp_path: Path, open_page: Any, out: Path) -> None:
    write_folder(tmp_path / "fruit", N, side=320)
    with alframe_process(*SETTINGS, cwd=tmp_path) as process:
        address = Terminal(process).address()
        page = open_page(address)
        camera = Camera(page, out)
        person = Person(page, TRUTH, KINDS, pause=500)
        other = Person(open_page(address, who="Grace"), TRUTH, KINDS, pause=500)
        page.set_default_timeout(60_000)
        page.wait_for_selector(".stage img")
        while not page.locator(".end-view").count():
            if "training" in camera.taken and page.locator(".single .stage img").count():
                camera("one")
                camera("one-dark", scheme="dark")
                camera("one-small", width=360, height=700)
            if page.locator(".cell").count() >= 12:
                page.wait_for_timeout(400)
                camera("grid")
                camera("grid-dark", scheme="dark")
                camera("grid-small", width=360, height=700, scheme="dark")
            if page.locator(".calm progress:not([hidden])").count():
                camera("training", height=460)
            if len(person.answered) > 120 and "progress" not in camera.taken:
                look_around(page, camera)
            if page.locator(".single .stage img, .cell").count():
                person.until_the_end(most=len(person.answered) + 1)
            elif other.page.locator(".single .stage img, .cell").count():
                other.until_the_end(most=len(other.answered) + 1)
            else:
                page.wait_for_timeout(50)
            if len(other.answered) < 12 and other.page.locator(".single .stage img").count():
                other.until_the_end(most=len(other.answered) + 1)
        page.wait_for_timeout(500)
        camera("end", height=760)
        page.get_by_role("button", name="Finish").click()
        process.wait(20)
    wanted = {"one", "grid", "training", "progress", "gallery", "people", "end"}
    assert wanted <= camera.taken
    assert all((out / f"page-{name}.png").stat().st_size < 400_000 for name in camera.taken)


def look_around(page: Any, camera: Camera) -> None:
    """Take pictures of the views beside the questions."""
    for name, ready in (("progress", ".facts"), ("gallery", ".card"), ("people", ".people-view table")):
        page.evaluate(f"location.hash = '{name}'")
        page.wait_for_selector(ready)
        page.wait_for_timeout(500)
        camera(name)
    page.evaluate("location.hash = 'label'")
    page.wait_for_selector(".label-view")
