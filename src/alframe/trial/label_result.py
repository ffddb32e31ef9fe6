"""The result of a trial in Python, and the file from which it is read again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alframe._files import replace_file
from alframe._text import counted, percent
from alframe.core.answer_codes import CANNOT_TELL_TEXT, NO_CLASS_TEXT
from alframe.core.errors import UserError
from alframe.core.file_names import KEY, LABELS, RESULT, STATE
from alframe.core.ledger import LabelLedger, Source
from alframe.core.loop import RoundResult
from alframe.core.reports import RoundReport
from alframe.trial.state import DamagedStateError, TrialState, decode, write_state


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LabelResult:
    """The result of a trial.

    Attributes:
        ledger: the labels, each with its source, round and confidence.
        reports: of the seed set, each round and the closing row.
        summary: the content of summary.json.
        class_names: C names.
    """

    ledger: LabelLedger
    reports: tuple[RoundReport, ...]
    summary: Mapping[str, Any]
    class_names: tuple[str, ...]

    def __repr__(self) -> str:
        counts, wrong = self.reports[-1].counts, self.summary["mislabelled"]
        return (
            f"LabelResult({counted(counts.n_samples, 'sample')} in {len(self.class_names):,} classes: "
            f"{counted(counts.hand_labels, 'hand label')}, {counted(counts.auto_labels, 'auto-label')}, "
            f"{counts.unlabelled:,} without a label{'' if wrong is None else f'; {wrong:,} mislabelled'}"
            f"{self._warning()})"
        )

    def _warning(self) -> str:
        check = self.check
        if check is None or not check["warn"]:
            return ""
        most = percent(check["most_share"])
        return f"; do not use the auto-labels as they are: up to {most} of them may be wrong"

    @property
    def labels(self) -> np.ndarray[Any, Any]:
        """(N,) int64 class numbers, -1 for a sample without a label."""
        return self.ledger.label_N.numpy()

    @property
    def names(self) -> np.ndarray[Any, Any]:
        """(N,) class names; "?" for "cannot tell", "-" for "none of these", "" without a label."""
        names_N = np.array([*self.class_names, ""])[self.labels]  # -1 is the last one
        source_N = self.ledger.source_N.numpy()
        names_N[source_N == Source.CANNOT_TELL] = CANNOT_TELL_TEXT
        names_N[source_N == Source.NO_CLASS] = NO_CLASS_TEXT
        return names_N

    @property
    def is_hand(self) -> np.ndarray[Any, Any]:
        """(N,) bool, True if the label is an answer of the oracle."""
        mask_N = torch.zeros(len(self.ledger.label_N), dtype=torch.bool)
        return mask_N.index_fill_(0, self.ledger.index_hand, True).numpy()

    @property
    def confidence(self) -> np.ndarray[Any, Any]:
        """(N,) float64 probability that the classifier gave to an auto-label; NaN for other samples."""
        return self.ledger.log_odds_N.double().sigmoid().numpy()

    @property
    def certificate(self) -> Mapping[str, Any] | None:
        """The certificate, as in summary.json, or None."""
        certificate: Mapping[str, Any] | None = self.summary["certificate"]
        return certificate

    @property
    def check(self) -> Mapping[str, Any] | None:
        """What a random sample says about the auto-labels, as in summary.json, or None."""
        check: Mapping[str, Any] | None = self.summary["check"]
        return check


def save_result(
    directory: Path,
    data: str,
    ledger: LabelLedger,
    reports: tuple[RoundReport, ...],
    class_names: Sequence[str],
) -> None:
    """Write the result of a finished trial into `state/` of its directory.

    Args:
        directory: the trial's. data: the fingerprint of the data.
        ledger, reports: at the end. class_names: by the class numbers of the ledger.

    Raises:
        TrialError: it could not be written.
    """
    result = RoundResult(ledger=ledger, report=reports[-1], validation_V=torch.empty(0, dtype=torch.int64))
    state = TrialState(
        identity={"data": data, "class_names": list(class_names)},
        chosen={},
        reports=reports,
        result=result,
        components={},
        elapsed_seconds=0.0,
        versions={},
    )
    replace_file(directory / STATE / RESULT, partial(write_state, state))


def load_result(directory: Path, data: str) -> tuple[LabelLedger, tuple[RoundReport, ...], tuple[str, ...]]:
    """Return the ledger, the reports and the class names of a finished trial.

    Raises:
        UserError: the file is missing or damaged, or the trial had other data than those of the fingerprint.
    """
    try:
        state = decode((directory / STATE / RESULT).read_bytes())
    except (OSError, DamagedStateError) as error:
        reason = "is missing" if isinstance(error, OSError) else str(error)
        raise UserError(
            f"{KEY}: the trial in {directory} is finished and cannot be read into Python, since "
            f"{STATE}/{RESULT} {reason}. Its labels are in {LABELS}. Set {KEY} to another directory for a "
            "new trial."
        ) from error
    if state.identity["data"] != data:
        raise UserError(
            f"{KEY}: expected the images and labels of the finished trial in {directory}, got others. Set "
            f"{KEY} to another directory for a new trial."
        )
    return state.result.ledger, state.reports, tuple(state.identity["class_names"])
