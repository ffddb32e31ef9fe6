"""A trial that has ended, read from its files for the page: its images, its labels and its result."""

import csv
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alframe.core.errors import DataWarning
from alframe.core.file_names import LABELS
from alframe.core.ledger import LabelLedger, Source
from alframe.core.trial_summary import TrialSummary
from alframe.data import ImageDataset
from alframe.oracle.answer_store import AnswerStore
from alframe.page.desk import Desk
from alframe.tracking import TrialInfo
from alframe.trial.assemble import load_data
from alframe.trial.matched_data import match_data
from alframe.trial.settings import read_settings


@dataclass(frozen=True, kw_only=True, eq=False)
class EndedTrial:
    """What the page shows of a trial that has ended.

    Attributes:
        dataset: its images, with the indices of the trial. ledger: its labels.
        info: the facts about it. summary: its figures.
    """

    dataset: ImageDataset
    ledger: LabelLedger
    info: TrialInfo
    summary: TrialSummary

    def show(self, desk: Desk) -> None:
        """Put the trial on a desk, whose page is then served."""
        desk.change(info=self.info, ledger=self.ledger, summary=self.summary)
        desk.finished()
        desk.attach(self.dataset)


def read_ended(directory: Path, config: Mapping[str, Any], summary: TrialSummary) -> EndedTrial:
    """Return a finished trial.

    Args:
        directory: of the trial. config: its settings, with `data.path` as it is now.
        summary: of the trial.

    Raises:
        DataError, UserError: the images are gone or are others.
    """
    settings = read_settings(config)
    with warnings.catch_warnings(), AnswerStore(directory) as store:
        warnings.simplefilter("ignore", DataWarning)  # the trial has told it
        dataset = load_data(settings)
        found = match_data(
            store, dataset, settings, lambda _: torch.ones(0, dtype=torch.bool), ended=True, in_place=False
        )
    info = TrialInfo(
        directory=directory,
        config=dict(config),
        chosen={},
        seed=summary.seed,
        name=directory.name,
        group=None,
        data=dataset.name,
        n_samples=summary.n_samples,
        n_classes=found.dataset.n_classes,
        min_rounds=0,
        max_rounds=None,
    )
    return EndedTrial(
        dataset=found.dataset,
        ledger=read_ledger(directory / LABELS, found.member_N),
        info=info,
        summary=summary,
    )


def read_ledger(file: Path, member_N: Tensor) -> LabelLedger:
    """Return the labels in a trial's labels.csv; the order in which they were added is not in it.

    Args:
        member_N: bool, the samples that take part.
    """
    ledger = LabelLedger.empty(len(member_N), member_N)
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            index = int(row["index"])
            ledger.label_N[index] = int(row["label"])
            ledger.source_N[index] = Source[row["source"].upper()]
            ledger.round_N[index] = int(row["round"] or -1)
            ledger.log_odds_N[index] = float(row["log_odds"] or "nan")
    return ledger
