"""The ledger: the label of each sample with its source, round and confidence. It is the state of a trial.

A ledger is immutable: a commit or a revoke returns a new one. It does not contain the truth.
"""

from dataclasses import dataclass, fields, replace
from enum import IntEnum
from typing import Self

import torch
from torch import Tensor

from alframe.core.answer_codes import CANNOT_TELL, NO_ANSWER, NO_CLASS
from alframe.core.errors import LedgerError
from alframe.core.records import Labelled

__all__ = ["CANNOT_TELL", "NO_ANSWER", "NO_CLASS", "LabelLedger", "Source"]


class Source(IntEnum):
    """The source of a label.

    SEED to REMAINDER and MEND are hand labels; CANNOT_TELL and NO_CLASS are answers too. AUTO labels are
    predictions. GIVEN labels were there before anybody was asked.
    """

    NONE = 0
    SEED = 1
    QUERY = 2
    VALIDATION = 3
    AUDIT = 4
    REMAINDER = 5
    AUTO = 6
    CANNOT_TELL = 7
    NO_CLASS = 8
    GIVEN = 9
    MEND = 10


_UNCHECKED = (Source.AUTO, Source.GIVEN)  # labels that no answer of the oracle confirms
_SET_ASIDE = {CANNOT_TELL: Source.CANNOT_TELL, NO_CLASS: Source.NO_CLASS}


@dataclass(frozen=True, eq=False)
class LabelLedger:
    """One row per sample of the data set's file.

    Attributes:
        label_N: int64, the class, -1 without a label.
        source_N: uint8, a `Source`.
        round_N: int16, the round that wrote the label, -1 without a label.
        log_odds_N: float32, the classifier's log-odds for an auto-label or a given label, NaN elsewhere; in
            an audit also those of labels that were confirmed in grids.
        order_N: int64, the order in which the current labels were added, -1 without a label.
        member_N: bool, False for samples that are not part of the trial: left out by `data.limit`, or removed
            from the data since. Removed ones keep their labels, but nothing counts or learns from them.
    """

    label_N: Tensor
    source_N: Tensor
    round_N: Tensor
    log_odds_N: Tensor
    order_N: Tensor
    member_N: Tensor

    @classmethod
    def empty(cls, size: int, member_N: Tensor | None = None) -> Self:
        """Return a ledger of `size` samples without a label; `member_N` (bool) defaults to all."""
        member_N = torch.ones(size, dtype=torch.bool) if member_N is None else member_N.clone()
        if member_N.shape != (size,) or member_N.dtype != torch.bool:
            raise LedgerError(
                f"Expected member_N to be bool of shape ({size},), "
                f"but got {member_N.dtype} {tuple(member_N.shape)}."
            )
        return cls(
            label_N=torch.full((size,), -1, dtype=torch.int64),
            source_N=torch.zeros(size, dtype=torch.uint8),
            round_N=torch.full((size,), -1, dtype=torch.int16),
            log_odds_N=torch.full((size,), float("nan"), dtype=torch.float32),
            order_N=torch.full((size,), -1, dtype=torch.int64),
            member_N=member_N,
        )

    def commit(
        self,
        index: Tensor,
        label: Tensor,
        source: Source,
        round: int,
        log_odds: Tensor | None = None,
    ) -> Self:
        """Return the ledger with labels for `index` added, in that order.

        Args:
            index: (n,) int64, samples of the trial without a label, no repeats.
            label: (n,) int64, >= 0.
            source: of all these labels.
            round: the round, >= 0.
            log_odds: (n,) float32, for auto-labels, and for given labels if they are known.

        Raises:
            LedgerError: a sample already has a label, appears twice or is outside the data set; shapes
                differ; a label is negative; an auto-label has no log-odds.
        """
        self._check_commit(index, label, source, log_odds)
        if len(index) == 0:
            return self
        first = int(self.order_N.max()) + 1 if len(self.order_N) else 0
        changed = {
            "label_N": _written(self.label_N, index, label.to(torch.int64)),
            "source_N": _written(self.source_N, index, int(source)),
            "round_N": _written(self.round_N, index, round),
            "order_N": _written(self.order_N, index, torch.arange(first, first + len(index))),
        }
        if log_odds is not None:
            changed["log_odds_N"] = _written(self.log_odds_N, index, log_odds.to(torch.float32))
        return replace(self, **changed)

    def revoke(self, index: Tensor) -> Self:
        """Return the ledger without the labels of `index` (int64).

        Raises:
            LedgerError: a sample has no label.
        """
        if len(index) == 0:
            return self
        if bool((self.source_N[index] == Source.NONE).any()):
            raise LedgerError("Expected every revoked sample to have a label, but some have none.")
        return replace(
            self,
            label_N=_written(self.label_N, index, -1),
            source_N=_written(self.source_N, index, int(Source.NONE)),
            round_N=_written(self.round_N, index, -1),
            log_odds_N=_written(self.log_odds_N, index, float("nan")),
            order_N=_written(self.order_N, index, -1),
        )

    def rated(self, index: Tensor, log_odds: Tensor) -> Self:
        """Return the ledger with other log-odds.

        Args:
            index: (n,) int64, samples with a label. log_odds: (n,) float, NaN if they are unknown.
        """
        return replace(self, log_odds_N=_written(self.log_odds_N, index, log_odds.to(torch.float32)))

    def set_aside(self, index: Tensor, answer: Tensor, round: int) -> Self:
        """Return the ledger in which the oracle answered that samples have no label.

        Such a sample counts as answered, leaves the pool and is left out of every rate.

        Args:
            index: (n,) int64, samples of the trial without a label, no repeats.
            answer: (n,) int64, `CANNOT_TELL` or `NO_CLASS`.
            round: the round, >= 0.

        Raises:
            LedgerError: as `commit`, or an answer is another number.
        """
        ledger = self
        for code, source in _SET_ASIDE.items():
            chosen = index[answer == code]
            ledger._check_commit(chosen, torch.zeros_like(chosen), source, None)
            ledger = replace(
                ledger,
                source_N=_written(ledger.source_N, chosen, int(source)),
                round_N=_written(ledger.round_N, chosen, round),
            )
        if bool(((answer != CANNOT_TELL) & (answer != NO_CLASS)).any()):
            raise LedgerError(f"Expected the answers {CANNOT_TELL} or {NO_CLASS}, but got others.")
        return ledger

    def answered(self, index: Tensor, answer: Tensor, source: Source, round: int) -> Self:
        """Return the ledger with answers of the oracle: classes as labels, the others set aside."""
        is_class = answer >= 0
        ledger = self.commit(index[is_class], answer[is_class], source, round)
        others = ~is_class
        return ledger.set_aside(index[others], answer[others], round) if bool(others.any()) else ledger

    def changed(self, index: Tensor, answer: Tensor) -> Self:
        """Return the ledger with other answers to questions that were answered before.

        A label keeps its round and, unless it was set aside before or is now, its source and order.

        Args:
            index: (n,) int64, samples that the oracle answered, no repeats.
            answer: (n,) int64, classes, `CANNOT_TELL` or `NO_CLASS`.

        Raises:
            LedgerError: a sample has no answer of the oracle.
        """
        if not bool(self._is_answered()[index].all()):
            raise LedgerError("Expected every changed sample to have an answer, but some have none.")
        stays = (self.label_N[index] >= 0) & (answer >= 0)
        ledger = replace(self, label_N=_written(self.label_N, index[stays], answer[stays]))
        for sample, code in zip(index[~stays].tolist(), answer[~stays].tolist(), strict=True):
            one, round = torch.tensor([sample]), int(self.round_N[sample])
            source = Source.QUERY if round > 0 else Source.SEED
            ledger = ledger.revoke(one).answered(one, torch.tensor([code]), source, round)
        return ledger

    def resized(self, member_N: Tensor) -> Self:
        """Return the ledger for a data set with samples added at the end, and with other members.

        Args:
            member_N: (N,) bool, N at least the present number of samples.
        """
        n_new = len(member_N) - len(self.label_N)
        if n_new < 0:
            raise LedgerError(f"Expected at least {len(self.label_N)} samples, but got {len(member_N)}.")
        added = type(self).empty(n_new)
        arrays = {
            field.name: torch.cat([getattr(self, field.name), getattr(added, field.name)])
            for field in fields(self)
        }
        return type(self)(**{**arrays, "member_N": member_N.clone()})

    @property
    def n_samples(self) -> int:
        """The number of samples that are part of the trial."""
        return int(self.member_N.sum())

    @property
    def n_answers(self) -> int:
        """The number of answers of the oracle, also of samples that have left the data since."""
        return int(self._is_answered().sum())

    @property
    def index_hand(self) -> Tensor:
        """int64, ascending: the hand-labelled samples."""
        return self._where(self._is_answered() & (self.label_N >= 0))

    @property
    def index_auto(self) -> Tensor:
        """int64, ascending: the samples whose label is a prediction."""
        return self._where(self.source_N == Source.AUTO)

    @property
    def index_given(self) -> Tensor:
        """int64, ascending: the samples whose label was given and is not confirmed."""
        return self._where(self.source_N == Source.GIVEN)

    @property
    def index_unchecked(self) -> Tensor:
        """int64, ascending: the samples with an auto-label or a given one."""
        return self._where((self.source_N == Source.AUTO) | (self.source_N == Source.GIVEN))

    @property
    def index_set_aside(self) -> Tensor:
        """int64, ascending: the samples of which the oracle answered that they have no label."""
        return self._where(self._is_answered() & (self.label_N < 0))

    @property
    def index_unlabelled(self) -> Tensor:
        """int64, ascending: the samples that have no label and are not set aside."""
        return self._where(self.source_N == Source.NONE)

    def answer_of(self, index: Tensor | slice) -> Tensor:
        """Return (n,) int64, the oracle's answers to samples (int64, or a slice), `NO_ANSWER` without one."""
        answer = torch.where(self._is_answered()[index], self.label_N[index], NO_ANSWER)
        for code, source in _SET_ASIDE.items():
            answer.masked_fill_(self.source_N[index] == source, code)
        return answer

    def _is_answered(self) -> Tensor:
        answered_N = self.source_N != Source.NONE
        for source in _UNCHECKED:
            answered_N &= self.source_N != source
        return answered_N

    def labelled(self) -> Labelled:
        """Return the current labels, in the order in which they were added, and the pool's indices.

        A classifier never learns from validation labels: these samples count as part of the pool.
        """
        unseen_N = (self.source_N == Source.NONE) | (self.source_N == Source.VALIDATION)
        index_L = self._where(~unseen_N & (self.label_N >= 0))
        index_L = index_L[self.order_N[index_L].argsort()]
        return Labelled(
            index_L=index_L,
            label_L=self.label_N[index_L],
            hand_L=self.source_N[index_L] != Source.AUTO,
            pool_P=self._where(unseen_N),
        )

    def _where(self, mask_N: Tensor) -> Tensor:
        return (mask_N & self.member_N).nonzero().flatten()

    def _check_commit(self, index: Tensor, label: Tensor, source: Source, log_odds: Tensor | None) -> None:
        if index.dtype != torch.int64 or index.dim() != 1:
            raise LedgerError(f"Expected index to be int64 (n,), but got {index.dtype} {tuple(index.shape)}.")
        if label.shape != index.shape or (log_odds is not None and log_odds.shape != index.shape):
            raise LedgerError(
                f"Expected one label for each of {len(index)} samples, but got {tuple(label.shape)}."
            )
        needed, given = source is Source.AUTO, log_odds is not None
        if source is Source.NONE or (given != needed and source is not Source.GIVEN):
            raise LedgerError(
                f"Expected log-odds with auto-labels and with no hand labels, but got source {source.name}."
            )
        if len(index) == 0:
            return
        if int(index.min()) < 0 or int(index.max()) >= len(self.label_N):
            raise LedgerError(
                f"Expected indices in [0, {len(self.label_N)}), "
                f"but got {int(index.min())} to {int(index.max())}."
            )
        named_N = torch.zeros(len(self.label_N), dtype=torch.bool)
        named_N[index] = True
        if int(named_N.sum()) != len(index):
            raise LedgerError("Expected each sample once, but got one twice.")
        if int(label.min()) < 0:
            raise LedgerError(f"Expected labels of at least 0, but got {int(label.min())}.")
        if not bool(self.member_N[index].all()):
            raise LedgerError("Expected samples of this trial, but got one that is not part of it.")
        if bool((self.source_N[index] != Source.NONE).any()):
            taken = int(index[self.source_N[index] != Source.NONE][0])
            raise LedgerError(
                f"Expected samples without a label, but sample {taken} has one "
                f"({Source(int(self.source_N[taken])).name.lower()}). Revoke it first."
            )


def _written(values_N: Tensor, index: Tensor, value: Tensor | float) -> Tensor:
    values_N = values_N.clone()
    values_N[index] = value if isinstance(value, Tensor) else torch.tensor(value, dtype=values_N.dtype)
    return values_N
