"""The settings of the page, from the section `page` of a config."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from alframe.config.validate import LOOPBACK, PAGE_ORACLE

Suggestions = Literal["off", "after", "before"]


@dataclass(frozen=True, kw_only=True)
class PageSettings:
    """The settings of the page.

    Attributes:
        host: the address to serve at. port: 0 for any free one. open: show the page in the browser.
        token: what lets a browser in, None for random ones that work once.
        suggestions: when predictions are shown. grid: the largest grid, 0 for none.
        both_share: share of the samples that two people answer.
    """

    host: str
    port: int
    open: bool
    token: str | None
    suggestions: Suggestions
    grid: int
    both_share: float

    @property
    def is_local(self) -> bool:
        """True if only this computer can reach the page."""
        return self.host in LOOPBACK


def page_settings(config: Mapping[str, Any]) -> PageSettings | None:
    """Return the settings of the page of a checked config, or None if people are not asked there."""
    if config["oracle"]["_target_"] != PAGE_ORACLE:
        return None
    return PageSettings(**config["page"])


def without_page(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config without the section of the page: no label depends on it, and its token is a secret."""
    return {key: value for key, value in config.items() if key != "page"}
