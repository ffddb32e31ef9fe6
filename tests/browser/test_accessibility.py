"""Every view, at two sizes, dark and light: no serious violation, nothing wider than the screen."""

from typing import Any

import pytest

pytest.importorskip("bottle", reason="bottle is not installed (extra page)")

from tests.browser.conftest import serious_violations
from tests.browser.fake_server import FakeTrial
from tests.browser.test_answering import GRID_GUARD, Serve, serve

__all__ = ["serve"]

FORECAST = {
    "answered": 132, "at_most": 600, "seconds_single": 1.4, "seconds_grid_image": 0.18, "minutes_left": 9.5,
    "auto_labels": 30, "hand_labels": 12, "sentence": "132 answers so far, at most 468 to come.",
    "auto_error": {"share": 0.013, "low": 0.004, "high": 0.031, "confidence": 0.95, "from": "validation"},
    "goal": {"tolerance": 0.02, "sentence": "Probably reached after about 90 more answers."},
}  # fmt: skip
ROWS = [{"index": n, "answer": n % 3, "who": "Ada", "key": str(n)} for n in range(40, 50)]
PEOPLE = {
    "people": [{"name": name, "answers": 5, "median_seconds": 1.2, "grids": 0} for name in ("Ada", "Grace")],
    "pairs": 5, "kappa": 0.7, "by_class": [{"class": 0, "agreement": 0.9, "n": 5}],
    "differ": [{"index": 41, "answers": {"Ada": 0, "Grace": "cannot_tell"}}],
    "decided": [{"index": 42, "answers": {"Ada": 0, "Grace": 1}, "label": 1}],
    "second": {"wanted": 20, "given": 5},
}  # fmt: skip
AUDIT = {
    "stages": [{"name": "estimate", "does": "how many are wrong?", "now": False},
               {"name": "mend", "does": "the most suspect labels are corrected", "now": True}],
    "found_wrong": 3, "sentence": "Stage 2 of 2 (mend). 132 answers of 600 at most, 3 wrong labels found.",
}  # fmt: skip
SUMMARY = {
    "sentences": ["All have a label.", "At most 2 % are wrong."], "again": True,
    "labels": "/home/ada/outputs/label_fruit_0123abcd/labels_by_name.csv",
    "audit": "alframe-audit data=folder data.path=/home/ada/fruit labels=outputs/label_fruit oracle=page",
}  # fmt: skip


@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        ("1280", "light"),
        pytest.param("360", "dark", marks=pytest.mark.long),
        pytest.param("1280", "dark", marks=pytest.mark.long),
        pytest.param("360", "light", marks=pytest.mark.long),
    ],
)
def test_every_view(serve: Serve, open_page: Any, axe: str, size: str, scheme: str) -> None:
    server = serve(stage="setup", forecast=FORECAST, rows=list(ROWS), people_reply=PEOPLE, side=64,
                   left_out=[{"reason": "not an image", "count": 2}])  # fmt: skip
    trial: FakeTrial = server.trial
    page = open_page(server.url, size=size, scheme=scheme, reduced_motion="reduce")
    found: dict[str, list[str]] = {}

    def check(name: str, wait_for: str) -> None:
        page.wait_for_selector(wait_for)
        found[name] = serious_violations(page, axe)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            found[name].append(f"{wide} pixels too wide")

    check("set-up", "#class-name")
    trial.stage, trial.single = "labelling", [1, 2, 3]
    check("single", ".class.suggested")
    for key, name in (("h", "help"), ("a", "class")):
        page.keyboard.press(key)
        check(name, "dialog")
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog", state="detached")
    page.locator("#settings-button").click()
    check("settings", "dialog")
    page.keyboard.press("Escape")
    trial.options = {**trial.options, "suggestions": "after"}
    page.wait_for_selector(".class.suggested", state="detached")
    page.keyboard.press("1")
    check("compare", ".either")
    page.goto(f"{server.url}#progress")
    check("progress", ".interval")
    trial.forecast = {**FORECAST, "audit": AUDIT}
    check("audit", ".stages")
    page.goto(f"{server.url}#people")
    check("people", ".differ")
    page.goto(f"{server.url}#gallery")
    check("gallery", ".card")
    page.locator(".card").first.click()
    check("image", "dialog .stage img")
    page.keyboard.press("Escape")
    trial.grid, trial.purpose = [4 * n for n in range(10)], "other"
    page.goto(f"{server.url}#label")
    page.wait_for_selector(".cell")
    page.wait_for_timeout(GRID_GUARD)
    page.keyboard.press("x")
    check("grid", ".cell.marked")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.keyboard.press("Space")
    check("marked", ".correction")
    trial.stage, trial.training = (
        "training",
        {"what": "Training", "round": 1, "seconds_so_far": 1, "seconds_left": 4},
    )
    check("training", "#training")
    trial.stage, trial.summary = "finished", SUMMARY
    check("end", ".changing")
    page.goto(f"{server.url}#gallery")
    page.locator(".card").first.click()
    check("fixed image", "dialog:has-text('labels are fixed') code:has-text('alframe-audit')")
    assert page.locator("dialog .classes").count() == 0  # read only
    page.keyboard.press("Escape")
    page.goto(f"{server.url}#label")
    trial.stage = "failed"
    check("failed", "text=The disk is full.")
    server.stop()
    check("offline", "#banner:not([hidden])")
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_all_can_be_reached_with_the_tab_key_and_the_focus_is_seen(serve: Serve, open_page: Any) -> None:
    server = serve(single=[1, 2], side=64)
    page = open_page(server.url)
    page.wait_for_selector(".class.suggested")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        name, width = page.evaluate(
            "(e => [e.textContent.trim(), parseFloat(getComputedStyle(e).outlineWidth)])"
            "(document.activeElement)"
        )
        reached.add(name)
        assert width >= 2 or name == "" or page.evaluate("document.activeElement === document.body"), name
    for wanted in (
        "Progress",
        "Gallery",
        "People",
        "Settings",
        "Help",
        "?Cannot tell",
        "bBroken image",
        "zUndo",
        "sSkip",
    ):
        assert wanted in reached
    assert any(name.startswith("2lemon") for name in reached)
