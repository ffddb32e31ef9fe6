"""A person in a browser who knows the right class of each image and answers all that the page asks."""

import time
from collections.abc import Sequence
from typing import Any

KEYS = "123456789"
_GUARD, _GRID_GUARD = 140, 420  # milliseconds before an answer is taken


class Person:
    """Answers by keys alone or by mouse alone.

    Attributes:
        answered: (index, answer) as given, in their order. grids: number of grids that were confirmed.
    """

    def __init__(
        self, page: Any, truth: Sequence[int], names: Sequence[str], *, by: str = "keys", pause: int = 0
    ) -> None:
        """Take a page, the class of each image, the names of classes, and milliseconds before an answer."""
        self.page, self.truth, self.names, self.by, self.pause = page, truth, names, by, pause
        self.answered: list[tuple[int, int]] = []
        self.grids = 0

    def until_the_end(self, seconds: float = 120, most: int = 10_000) -> None:
        """Answer until the page shows the end, or `most` answers were given."""
        end = time.monotonic() + seconds
        while len(self.answered) < most and not self._sees(".end-view"):
            assert time.monotonic() < end, f"no end after {len(self.answered)} answers"
            if self._sees(".correction"):
                self._press("Space", ".grid-tools .primary")
            elif self._sees(".cell"):
                self._grid()
            elif self._sees(".single .stage img"):
                self._single()
            else:
                self.page.wait_for_timeout(50)

    def _sees(self, selector: str) -> bool:
        return bool(self.page.locator(selector).count())

    def _press(self, key: str, button: str) -> None:
        if self.by == "keys":
            self.page.keyboard.press(key)
        else:
            self.page.locator(button).click()
        self.page.wait_for_timeout(30)

    def _single(self) -> None:
        self.page.wait_for_timeout(_GUARD + self.pause)
        image = self.page.query_selector(".single .stage img")
        if image is None:
            return
        index = _index_in(image.get_attribute("src"))
        answer = self.truth[index]
        self._press(KEYS[answer], f".classes .class >> nth={answer}")
        if self._sees(".either"):  # the suggestion differs
            self._press("Enter", ".either .primary")
        self.answered.append((index, answer))

    def _grid(self) -> None:
        self.page.wait_for_timeout(_GRID_GUARD + 3 * self.pause)
        images = self.page.locator(".grid-view .cell img")
        indices = [_index_in(source) for source in images.evaluate_all("all => all.map(e => e.src)")]
        name = self.page.locator(".grid-view h1 strong").inner_text()
        wrong = [n for n, index in enumerate(indices) if self.names[self.truth[index]] != name]
        for before, position in zip([0, *wrong], wrong, strict=False):
            self._mark(position, position - before)
        while "more" in self.page.locator(".grid-tools .primary").inner_text():
            self._press("Space", ".grid-tools .primary")
            self.page.wait_for_timeout(80)
        self._press("Space", ".grid-tools .primary")
        self.answered += [(each, self.truth[each]) for n, each in enumerate(indices) if n not in wrong]
        self.grids += 1

    def _mark(self, position: int, steps: int) -> None:
        if self.by == "keys":
            for _ in range(steps):
                self.page.keyboard.press("ArrowRight")
            self.page.keyboard.press("x")
        else:
            self.page.locator(".grid-view .cell").nth(position).click()


def _index_in(source: str) -> int:
    return int(source.split("/image/")[1].split("/")[0])
