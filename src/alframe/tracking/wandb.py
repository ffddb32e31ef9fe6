"""Weights & Biases: one run per trial, `round` as the x-axis, offline unless asked otherwise."""

import json
import secrets
import string
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from alframe._files import replace_file
from alframe.core.records import RoundReport
from alframe.tracking.base import Outcome, TrialInfo
from alframe.tracking.files import label_lines
from alframe.tracking.metrics import metrics
from alframe.tracking.run_config import clipped, end_facts, facts, tags
from alframe.tracking.wandb_history import rounds_logged
from alframe.tracking.wandb_run import Mode, check_login, open_run, staged_in

_ID_LETTERS = string.ascii_lowercase + string.digits
# Of a round, not of a trial: kept out of the table of runs, where summary.json's sums stand. Other figures
# stand there with their last value: the fewest mislabelled are those of the seed set, none, and the best of
# several test accuracies would be chosen by the test set.
_OF_A_ROUND = (
    "train/samples",
    "train/steps",
    "train/loss",
    "time/train_seconds",
    "time/score_seconds",
    "time/round_seconds",
)
_EXIT_CODES = {"finished": 0, "failed": 1, "interrupted": 130, "waiting": 0}


class WandbTracker:
    """Logs a trial as one W&B run.

    Args:
        project: the W&B project. entity: the account or team, None for the default.
        mode: "offline" (files under wandb/ in the trial's directory) or "online".
        group: what runs are grouped by; None groups by sweep.
        tags: of the run, besides those that say its data set, query strategy and auto-label policy.
        max_images: at most this many mislabelled images go into the table.
    """

    def __init__(
        self,
        *,
        project: str,
        mode: Mode,
        entity: str | None = None,
        group: str | None = None,
        tags: Sequence[str] = (),
        max_images: int = 500,
    ) -> None:
        self._project, self._entity, self._mode = project, entity, mode
        self._group, self._tags = group, tags
        self._max_images = max_images
        self._run: Any = None
        self._logged: set[int] = set()
        self._staging = ExitStack()
        if mode == "online":
            check_login("tracker.mode")

    def start(self, info: TrialInfo) -> None:
        """Open the run, or go on with it under its id; nothing is asked on the terminal.

        Rounds that were done before but did not reach the run, its process being killed, are logged now.
        """
        run_id = self._id_of(info.directory)
        self._staging.enter_context(staged_in(info.directory))
        try:
            self._run = open_run(
                mode=self._mode,
                directory=info.directory,
                key="tracker",
                way_out="Write tracker.mode=offline or tracker=none.",
                project=self._project,
                entity=self._entity,
                id=run_id,
                resume="allow" if self._mode == "online" else None,
                name=clipped(info.name),
                notes=info.name,
                group=clipped(self._group or info.group),
                job_type="trial",
                tags=tags(info, self._tags),
                config=facts(info),
            )
        except BaseException:
            self._staging.close()
            raise
        self._define_metrics()
        self._logged = self._rounds_logged(info, run_id)
        for report in info.reports:
            self.log(report)

    def _define_metrics(self) -> None:
        self._run.define_metric("round")
        self._run.define_metric("*", step_metric="round")
        for key in _OF_A_ROUND:
            self._run.define_metric(key, step_metric="round", summary="none")

    def log(self, report: RoundReport) -> None:
        """Log a round's figures, once; those that are undefined are left out."""
        if report.round in self._logged:
            return
        self._logged.add(report.round)
        self._run.log({"round": report.round, **metrics(report)}, step=report.round, commit=True)

    def _id_of(self, directory: Path) -> str:
        """Return the id of the directory's run, the same in every process that works on it."""
        file = directory / "wandb" / "run.json"
        with suppress(OSError, ValueError, KeyError, TypeError):
            return str(json.loads(file.read_text())["id"])
        file.parent.mkdir(exist_ok=True)
        run_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(8))
        replace_file(file, json.dumps({"id": run_id}) + "\n")
        return run_id

    def _rounds_logged(self, info: TrialInfo, run_id: str) -> set[int]:
        if self._mode == "online":
            last = self._run.summary.get("round") if self._run.resumed else None
            return set() if last is None else set(range(int(last) + 1))
        return rounds_logged(info.directory, run_id)

    def finish(self, outcome: Outcome) -> None:
        """Log the mislabelled images and the labels, set the summary, close the run."""
        exit_code = _EXIT_CODES[outcome.status]
        try:
            self._run.summary.update(end_facts(outcome.status, outcome.summary))
            if outcome.summary is not None:
                self._run.log(self._tables(outcome, outcome.summary["per_class"]))
                self._log_labels(outcome)
        except BaseException:
            exit_code = 1
            raise
        finally:
            with suppress(Exception):
                self._run.finish(exit_code=exit_code)
            self._staging.close()

    def _tables(self, outcome: Outcome, classes: Sequence[dict[str, Any]] | None) -> dict[str, Any]:
        """Return the mislabelled images and, where the truth is known, the figures of each class."""
        import wandb

        found = {"mislabelled": self._mislabelled(outcome)}
        if classes:
            rows = [list(item.values()) for item in classes]
            found["per_class"] = wandb.Table(columns=list(classes[0]), data=rows)
        return found

    def _mislabelled(self, outcome: Outcome) -> Any:
        import wandb

        assert outcome.ledger is not None
        columns = ["index", "image", "label", "truth", "confidence"]
        table = wandb.Table(columns=columns)
        shown = (column[: self._max_images].tolist() for column in outcome.mislabelled)
        for index, truth in zip(*shown, strict=True):
            log_odds = outcome.ledger.log_odds_N[index].double()
            confidence = None if bool(log_odds.isnan()) else float(log_odds.sigmoid())
            label = outcome.class_names[int(outcome.ledger.label_N[index])]
            image = wandb.Image(_picture(outcome.image(index)))
            table.add_data(index, image, label, outcome.class_names[truth], confidence)
        return table

    def _log_labels(self, outcome: Outcome) -> None:
        import wandb

        assert outcome.ledger is not None
        artifact = wandb.Artifact(f"labels-{self._run.id}", type="labels")
        with artifact.new_file("labels.csv", mode="w", encoding="utf-8") as file:
            file.writelines(label_lines(outcome.ledger))
        self._run.log_artifact(artifact)


def _picture(image: Tensor) -> Any:
    array = image.cpu().numpy()
    return array[0] if array.shape[0] == 1 else array.transpose(1, 2, 0)
