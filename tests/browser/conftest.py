"""A browser for tests: Debian's Chromium, driven by Playwright; skipped where one of them is missing."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
AXE = ROOT / "build" / "axe-core" / "axe.min.js"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"1280": {"width": 1280, "height": 800}, "360": {"width": 360, "height": 740}}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed (extra browser)"
    )
    path = os.environ.get("ALFRAME_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open an address as a person with a name; each person has a browser profile.

    After the test, the page must have had no error of a script and no refused content, and must have
    spoken to this machine alone.
    """
    problems: list[str] = []
    contexts: list[Any] = []

    def open_(
        url: str, who: str | None = "Ada", size: str = "1280", scheme: str = "light", **more: Any
    ) -> Any:
        context = browser.new_context(viewport=SIZES[size], color_scheme=scheme, **more)
        context.set_default_timeout(20_000)
        contexts.append(context)
        if who:
            context.add_init_script(f"try {{ localStorage['alframe.who'] ??= '{who}' }} catch {{ }}")
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if _is_problem(message) else None)
        page.on(
            "request", lambda request: problems.append(request.url) if _is_elsewhere(request.url) else None
        )
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


def _is_problem(message: Any) -> bool:
    return message.type in ("error", "warning") and "Failed to load resource" not in message.text


def _is_elsewhere(url: str) -> bool:
    return not url.startswith("http://127.0.0.1:")


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which checks a page for accessibility."""
    if not AXE.exists():
        pytest.skip("axe-core is not there: make axe")
    return AXE.read_text()


def serious_violations(page: Any, axe: str) -> list[str]:
    """Return what axe-core finds serious or critical, with where it is."""
    page.evaluate(axe)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
