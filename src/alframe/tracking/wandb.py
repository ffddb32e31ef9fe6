"""Weights & Biases: one run per trial, `round` as the x-axis, offline unless asked otherwise."""

import json
import netrc
import os
import secrets
import string
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from torch import Tensor

from alframe.errors import ConfigError, UserError
from alframe.files import replace_file
from alframe.records import RoundReport
from alframe.tracking.base import Outcome, TrialInfo
from alframe.tracking.files import label_lines
from alframe.tracking.offline_runs import rounds_logged

_ID_LETTERS = string.ascii_lowercase + string.digits
_EXIT_CODES = {"finished": 0, "failed": 1, "interrupted": 130, "waiting": 0}


class WandbTracker:
    """Logs a trial as one W&B run.

    Args:
        project: the W&B project. entity: the account or team, None for the default.
        mode: "offline" (files under wandb/ in the trial's directory) or "online".
        group: what runs are grouped by; None groups by sweep.
        tags: of the run.
        max_images: at most this many mislabelled images go into the table.
    """

    def __init__(
        self,
        *,
        project: str,
        mode: Literal["offline", "online"],
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
        self._data_dir_before: str | None = None
        if mode == "online":
            _check_login()

    def start(self, info: TrialInfo) -> None:
        """Open the run, or go on with it under its id; nothing is asked on the terminal.

        Rounds that were done before but did not reach the run, its process being killed, are logged now.
        """
        import wandb

        run_id = self._id_of(info.directory)

        # Artifacts are staged under this folder: with the run, so that it can be moved and synced.
        self._data_dir_before = os.environ.get("WANDB_DATA_DIR")
        os.environ["WANDB_DATA_DIR"] = str(info.directory / "wandb" / "data")
        try:
            self._run = wandb.init(
                project=self._project,
                entity=self._entity,
                mode=self._mode,
                id=run_id,
                resume="allow" if self._mode == "online" else None,
                dir=info.directory,
                name=info.name,
                group=self._group or info.group,
                job_type="trial",
                tags=[info.data, *self._tags],
                config=_flat(info.config),
                settings=wandb.Settings(
                    silent=True, console="off", save_code=False, disable_git=True, init_timeout=120
                ),
            )
        except Exception as error:
            self._restore_data_dir()
            raise UserError(
                f"tracker: W&B could not open a run in mode {self._mode}: {error}. "
                "Write tracker.mode=offline or tracker=none."
            ) from error
        self._run.define_metric("round")
        self._run.define_metric("*", step_metric="round")
        self._logged = self._rounds_logged(info, run_id)
        for report in info.reports:
            self.log(report)

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
            if outcome.summary is not None:
                self._run.summary.update(_flat(outcome.summary))
                self._log_mislabelled(outcome)
                self._log_labels(outcome)
        except BaseException:
            exit_code = 1
            raise
        finally:
            with suppress(Exception):
                self._run.finish(exit_code=exit_code)
            self._restore_data_dir()

    def _log_mislabelled(self, outcome: Outcome) -> None:
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
        self._run.log({"mislabelled": table})

    def _log_labels(self, outcome: Outcome) -> None:
        import wandb

        assert outcome.ledger is not None
        artifact = wandb.Artifact(f"labels-{self._run.id}", type="labels")
        with artifact.new_file("labels.csv", mode="w", encoding="utf-8") as file:
            file.writelines(label_lines(outcome.ledger))
        self._run.log_artifact(artifact)

    def _restore_data_dir(self) -> None:
        if self._data_dir_before is None:
            os.environ.pop("WANDB_DATA_DIR", None)
        else:
            os.environ["WANDB_DATA_DIR"] = self._data_dir_before


def metrics(report: RoundReport) -> dict[str, float]:
    """Return a round's figures under the keys that sweeps are compared by."""
    counts, fit = report.counts, report.fit
    values: dict[str, float | None] = {
        "labels/hand": counts.hand_labels,
        "labels/hand_share": counts.hand_share,
        "labels/auto": counts.auto_labels,
        "labels/unlabelled": counts.unlabelled,
        "labels/mislabelled": counts.mislabelled,
        "labels/mislabelled_share": counts.mislabelled_share,
        "labels/auto_label_error": counts.auto_label_error,
        "labels/coverage": counts.coverage,
        "labels/threshold": report.threshold,
        "labels/cost": report.cost,
        "train/samples": fit.samples if fit else None,
        "train/steps": fit.steps if fit else None,
        "train/loss": fit.loss if fit else None,
        "train/test_accuracy": report.test_accuracy,
        "time/train_seconds": fit.seconds if fit else None,
        "time/score_seconds": report.score_seconds,
        "time/round_seconds": report.seconds,
    }
    return {key: value for key, value in values.items() if value is not None}


def _check_login() -> None:
    try:
        hosts = list(netrc.netrc().hosts)
    except (OSError, netrc.NetrcParseError):
        hosts = []
    server = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    if not os.environ.get("WANDB_API_KEY") and server not in hosts:
        raise ConfigError(
            "tracker.mode",
            "a W&B account for mode online",
            "none on this machine",
            "Run `wandb login` first, or write tracker.mode=offline.",
        )


def _flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _picture(image: Tensor) -> Any:
    array = image.cpu().numpy()
    return array[0] if array.shape[0] == 1 else array.transpose(1, 2, 0)
