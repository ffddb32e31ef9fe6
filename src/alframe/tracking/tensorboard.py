"""TensorBoard: the same keys as W&B with the round as step, the settings, the mislabelled images."""

from collections.abc import Iterator, Mapping
from typing import Any

from alframe.audit.reliability import most_confident
from alframe.core.file_names import TENSORBOARD
from alframe.core.optional_package import require
from alframe.core.reports import RoundReport
from alframe.tracking.audit_report import AuditOutcome, AuditReport
from alframe.tracking.base import Ending, Outcome, TrialInfo
from alframe.tracking.round_metrics import metrics
from alframe.tracking.run_config import Fact, end_facts, facts

_EVENTS = "events.out.tfevents.*"
# Columns of the table of trials (the tab "HParams"), besides their settings.
_SUMMARY = ("hand_share", "mislabelled_share", "auto_label_error", "coverage", "test_accuracy", "seconds")


class TensorBoardTracker:
    """Writes a trial as one TensorBoard run, in `tensorboard/` of its directory.

    Args:
        max_images: the most mislabelled images that are shown, the most confident first.

    Raises:
        ConfigError: the package `tensorboard` is not installed or cannot be imported.
    """

    def __init__(self, *, max_images: int = 50) -> None:
        self._max_images = max_images
        self._writer: Any = None
        self._ended: Any = None
        self._last_round = 0
        self._make_writer = _summary_writer()

    def start(self, info: TrialInfo) -> None:
        """Open the run and write the settings.

        A resumed trial is written again from its reports, since the file of a killed process may end
        anywhere. So each round is there exactly once.
        """
        folder = info.directory / TENSORBOARD
        for file in folder.glob(_EVENTS):
            file.unlink()
        # A TensorBoard that has read the old file then drops its values from step 0 on.
        self._writer = self._make_writer(log_dir=str(folder), purge_step=0 if info.reports else None)
        settings = facts(info)
        self._writer.add_text("config", as_markdown(settings), 0)
        self._write_table(settings)
        for report in info.reports:
            self.log(report)

    def log(self, report: RoundReport | AuditReport) -> None:
        """Write a round's metrics, without undefined ones."""
        self._last_round = report.round
        for key, value in metrics(report).items():
            self._writer.add_scalar(key, value, report.round)
        self._writer.flush()

    def finish(self, outcome: Outcome | AuditOutcome) -> None:
        """Write the summary of the trial and the mislabelled images, then close the run."""
        try:
            self._writer.add_text("status", f"{outcome.status}: {outcome.reason}", self._last_round)
            for key in _SUMMARY:
                value = getattr(outcome.summary, key, None)
                if value is not None:
                    self._writer.add_scalar(f"summary/{key}", value, self._last_round)
            if outcome.summary is not None:
                self._writer.file_writer.add_summary(self._ended)
                ends = as_markdown(end_facts(outcome.status, outcome.summary))
                self._writer.add_text("summary", ends, self._last_round)
                for tag, image in pictures(outcome, self._max_images):
                    self._writer.add_image(tag, image, self._last_round)
        finally:
            self._writer.close()

    def _write_table(self, settings: Mapping[str, Fact]) -> None:
        from torch.utils.tensorboard.summary import hparams

        # This writes into the run's own file; `add_hparams` would begin another run.
        what, begun, self._ended = hparams(
            {key: "null" if value is None else value for key, value in settings.items()},
            {f"summary/{key}": 0.0 for key in _SUMMARY},
        )
        for part in (what, begun):
            self._writer.file_writer.add_summary(part)


def pictures(outcome: Ending, most: int) -> Iterator[tuple[str, Any]]:
    """Yield (tag, (channels, height, width) uint8) of the most confident mislabelled samples.

    A tag has index, truth and label: "mislabelled/17_is_5_labelled_3".
    """
    assert outcome.ledger is not None
    shown = most_confident(outcome.ledger, outcome.mislabelled[0], most)
    index_M, truth_M = (each[shown].tolist() for each in outcome.mislabelled)
    names = outcome.class_names
    for index, truth in zip(index_M, truth_M, strict=True):
        label = names[int(outcome.ledger.label_N[index])]
        yield f"mislabelled/{index}_is_{names[truth]}_labelled_{label}", outcome.image(index).cpu()


def as_markdown(found: Mapping[str, Fact]) -> str:
    """Return facts as a table of Markdown.

    >>> print(as_markdown({"seed": 8, "data/limit": None}))
    | key | value |
    |---|---|
    | seed | 8 |
    | data/limit | null |
    """
    rows = [f"| {key} | {'null' if value is None else value} |" for key, value in found.items()]
    return "\n".join(["| key | value |", "|---|---|", *rows])


def _summary_writer() -> Any:
    module = require(
        "tensorboard",
        module="torch.utils.tensorboard",
        key="tracker",
        use="tracker=tensorboard",
        install="alframe[tensorboard]",
    )
    return module.SummaryWriter
