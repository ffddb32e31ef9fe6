"""What an audit is made of, from the command line or from Python."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alframe.auditing.given_labels import GivenLabels
from alframe.data import ImageDataset
from alframe.data.decoded import Progress
from alframe.tracking.audit_report import AuditTracker
from alframe.trial.instantiate import is_simulated

Say = Callable[[str], None]


def _no_progress(stage: str, done: int, total: int | None) -> None:
    """Show nothing."""


@dataclass(frozen=True, kw_only=True)
class AuditRequest:
    """What an audit is made of.

    Attributes:
        config: the resolved config as plain containers. directory: of the audit's files.
        name, group: in trackers. choices: the option chosen for each config group.
        stop_wanted: called after each question; if it returns True, the audit ends there and can be resumed.
        dataset, given: images and labels of a call from Python, instead of those that the config names.
        oracle: the caller's own, or None.
        offered: values for an oracle of people whose constructor has parameters of these names.
        trackers: besides the files and the one of the config. say: prints a line. progress: of long work.
    """

    config: dict[str, Any]
    directory: Path
    name: str = "audit"
    group: str | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    stop_wanted: Callable[[], bool] = lambda: False
    dataset: ImageDataset | None = None
    given: GivenLabels | None = None
    oracle: Any = None
    offered: Mapping[str, Any] = field(default_factory=dict)
    trackers: tuple[AuditTracker, ...] = ()
    say: Say = lambda line: None
    progress: Progress = _no_progress

    @property
    def asks_people(self) -> bool:
        """True if nothing knows the right labels."""
        if self.oracle is not None:
            return self.dataset is None or self.dataset.truth_N is None
        return not is_simulated(self.config["oracle"])
