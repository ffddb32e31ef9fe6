"""From the key to the next picture, with photographs of 12 megapixels."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("bottle", reason="bottle is not installed (extra page)")

from tests.browser.fruit import KINDS, draw
from tests.browser.test_product import TOKEN, product

PHOTOGRAPHS = int(os.environ.get("ALFRAME_PAGE_PHOTOGRAPHS", "0"))
DRAWN, SIZE = 16, (4000, 3000)  # different drawings, pixels
PAUSE = 600  # milliseconds from picture to answer, as a fast person
LIMIT = 100  # milliseconds, of which 95 % are below

WATCH = """() => {
  window.times = [];
  let pressed = null;
  addEventListener("keydown", () => (pressed = performance.now()), true);
  const stage = document.querySelector(".stage");
  new MutationObserver(() => {
    if (pressed === null || !stage.querySelector("img")) return;
    const start = pressed;
    pressed = null;
    requestAnimationFrame(() => { // a message that follows a frame is read after that frame was drawn
      const channel = new MessageChannel();
      channel.port1.onmessage = () => window.times.push(performance.now() - start);
      channel.port2.postMessage(0);
    });
  }).observe(stage, { childList: true });
}"""


def photographs(folder: Path, n: int) -> None:
    """Write n files of 12 megapixels; each is a JPEG with bytes of its own, so that none is a copy."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(DRAWN):
        image = draw(KINDS[number % len(KINDS)], number, 750).resize((SIZE[1], SIZE[1])).resize(SIZE)
        image.effect_spread(2).save(folder / "drawn.jpg", quality=88)
        content = (folder / "drawn.jpg").read_bytes()
        for copy in range(number, n, DRAWN):
            comment = rng.bytes(16)
            head = content[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
            (folder / f"{copy:05}.jpg").write_bytes(head + content[2:])
    (folder / "drawn.jpg").unlink()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_next_photograph_is_there_in_a_tenth_of_a_second(tmp_path: Path, open_page: Any) -> None:
    if not PHOTOGRAPHS:
        pytest.skip("a measurement, of a machine that does nothing else: make test-browser")
    photographs(tmp_path / "images", PHOTOGRAPHS)
    n = min(100, PHOTOGRAPHS)
    with product(tmp_path, f"initial.num={n}") as (process, address):
        assert TOKEN in address
        page = open_page(address)
        page.wait_for_selector(".single .stage img", timeout=120_000)
        page.evaluate(WATCH)
        for number in range(n - 1):
            page.wait_for_timeout(PAUSE)
            index = page.locator(".single").get_attribute("data-index")
            page.keyboard.press("1234"[number % 4])
            page.wait_for_selector(f".single:not([data-index='{index}'])")
        page.wait_for_timeout(PAUSE)
        times = page.evaluate("window.times")
        status = Path(f"/proc/{process.pid}/status").read_text()
    memory = next(int(line.split()[1]) / 2**20 for line in status.splitlines() if line.startswith("VmHWM"))
    p50, p95, p100 = np.percentile(times, [50, 95, 100])
    print(
        f"\n{PHOTOGRAPHS} photographs, {len(times)} answers: median {p50:.0f} ms, 95 % {p95:.0f} ms, "
        f"longest {p100:.0f} ms; the process at most {memory:.2f} GiB"
    )
    assert len(times) >= n - 2
    assert p95 < LIMIT
