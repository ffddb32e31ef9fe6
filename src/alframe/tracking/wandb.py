"""Weights & Biases: one run per trial, `round` as the x-axis, offline by default."""

import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from alframe.core.errors import TrialNotice
from alframe.core.reports import RoundReport
from alframe.tracking.audit_report import AuditOutcome, AuditReport
from alframe.tracking.base import Ending, Outcome, TrialInfo
from alframe.tracking.files import label_lines
from alframe.tracking.round_metrics import metrics
from alframe.tracking.run_config import clipped, end_facts, facts, tags
from alframe.tracking.wandb_environment import not_used, run_mode, tag_list
from alframe.tracking.wandb_offline import RunRecord, delete_unclosed, read_record, write_record
from alframe.tracking.wandb_run import check_login, open_run, staged_in

# These metrics describe one round. The table of runs leaves them out, since it has the sums of summary.json.
# It shows the last value of the other metrics, not the best: the seed set always has the fewest mislabelled
# samples, and the best of several test accuracies would be chosen with the test set.
_OF_A_ROUND = (
    "train/samples",
    "train/steps",
    "train/loss",
    "time/train_seconds",
    "time/score_seconds",
    "time/round_seconds",
)
_EXIT_CODES = {"finished": 0, "failed": 1, "interrupted": 130, "waiting": 0}


@dataclass(kw_only=True, eq=False)
class WandbTracker:
    """Logs a trial as one W&B run.

    Attributes:
        project: the W&B project. entity: the account or team, None for the default.
        mode: "offline" (files under wandb/ in the trial's directory), "online", "disabled" (no run), the old
            names "dryrun" and "run", or None: disabled if WANDB_DISABLED is true, and otherwise offline.
        group: of the run; None takes WANDB_RUN_GROUP, or else the name of the sweep.
        tags: of the run, besides those for its data set, query strategy and auto-label policy; a text has
            commas between them.
        max_images: the most mislabelled images in the table.

    The run's name is WANDB_NAME if that is set, else the trial's; WANDB_NOTES are the run's notes.
    """

    project: str
    mode: str | None
    entity: str | None = None
    group: str | None = None
    tags: Sequence[str] | str | None = None
    max_images: int = 500

    def __post_init__(self) -> None:
        self._run: Any = None
        self._directory = Path()
        self._last_round = -1
        self._mode = run_mode(self.mode)
        if self._mode == "online":
            check_login("tracker.mode")

    def start(self, info: TrialInfo) -> None:
        """Open the run, or continue it under its id, without questions on the terminal.

        Finished rounds that are missing in the run, because an earlier process was killed, are logged now.
        """
        if self._mode == "disabled":
            return
        if not_used():
            warnings.warn(not_used(), TrialNotice, stacklevel=2)
        self._directory = info.directory
        record = read_record(info.directory)
        delete_unclosed(info.directory, record)
        with staged_in(info.directory):
            self._run = open_run(
                mode=self._mode,
                directory=info.directory,
                key="tracker",
                way_out="Write tracker.mode=offline or tracker=none.",
                project=self.project,
                entity=self.entity,
                id=record.id,
                resume="allow" if self._mode == "online" else None,
                name=clipped(os.environ.get("WANDB_NAME") or info.name),
                notes=os.environ.get("WANDB_NOTES") or info.name,
                group=clipped(self.group or os.environ.get("WANDB_RUN_GROUP") or info.group),
                job_type="trial",
                tags=tags(info, tag_list(self.tags)),
                config=facts(info),
            )
        self._define_metrics()
        self._last_round = self._last_round_of(record)
        for report in info.reports:
            self.log(report)

    def _define_metrics(self) -> None:
        self._run.define_metric("round")
        self._run.define_metric("*", step_metric="round")
        for key in _OF_A_ROUND:
            self._run.define_metric(key, step_metric="round", summary="none")

    def log(self, report: RoundReport | AuditReport) -> None:
        """Log a round's metrics, once; undefined ones are left out."""
        if self._run is None or report.round <= self._last_round:
            return
        self._run.log({"round": report.round, **metrics(report)}, step=report.round, commit=True)
        self._last_round = report.round

    def _last_round_of(self, record: RunRecord) -> int:
        """Return the last round that the run has, or -1; online, W&B's server has it."""
        if self._mode == "online":
            last = self._run.summary.get("round") if self._run.resumed else None
            return -1 if last is None else int(last)
        return record.last_round()

    def _close(self, exit_code: int) -> None:
        """Close the run, then record its fragment as closed."""
        folder = Path(self._run.dir).parent.name
        self._run.finish(exit_code=exit_code)
        if self._mode == "offline":
            record = read_record(self._directory)
            closed = {**record.closed, folder: self._last_round}
            write_record(self._directory, replace(record, closed=closed))

    def finish(self, outcome: Outcome | AuditOutcome) -> None:
        """Log the mislabelled images and the labels, set the summary, close the run."""
        if self._run is None:
            return
        with staged_in(self._directory):
            self._finish(outcome)

    def _finish(self, outcome: Outcome | AuditOutcome) -> None:
        exit_code = _EXIT_CODES[outcome.status]
        try:
            self._run.summary.update(end_facts(outcome.status, outcome.summary))
            if outcome.summary is not None:
                classes = None if isinstance(outcome, AuditOutcome) else outcome.summary.per_class
                self._run.log(self._tables(outcome, classes))
                self._log_labels(outcome)
        except BaseException:
            exit_code = 1
            raise
        finally:
            with suppress(Exception):
                self._close(exit_code)

    def _tables(self, outcome: Ending, classes: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
        """Return the table of mislabelled images and, if the truth is known, that of the classes."""
        import wandb

        found = {"mislabelled": self._mislabelled(outcome)}
        if classes:
            rows = [list(item.values()) for item in classes]
            found["per_class"] = wandb.Table(columns=list(classes[0]), data=rows)
        return found

    def _mislabelled(self, outcome: Ending) -> Any:
        import wandb

        assert outcome.ledger is not None
        columns = ["index", "image", "label", "truth", "confidence"]
        table = wandb.Table(columns=columns)
        shown = (column[: self.max_images].tolist() for column in outcome.mislabelled)
        for index, truth in zip(*shown, strict=True):
            log_odds = outcome.ledger.log_odds_N[index].double()
            confidence = None if bool(log_odds.isnan()) else float(log_odds.sigmoid())
            label = outcome.class_names[int(outcome.ledger.label_N[index])]
            image = wandb.Image(_picture(outcome.image(index)))
            table.add_data(index, image, label, outcome.class_names[truth], confidence)
        return table

    def _log_labels(self, outcome: Ending) -> None:
        import wandb

        assert outcome.ledger is not None
        artifact = wandb.Artifact(f"labels-{self._run.id}", type="labels")
        with artifact.new_file("labels.csv", mode="w", encoding="utf-8") as file:
            file.writelines(label_lines(outcome.ledger))
        self._run.log_artifact(artifact)


def _picture(image: Tensor) -> Any:
    array = image.cpu().numpy()
    return array[0] if array.shape[0] == 1 else array.transpose(1, 2, 0)
