"""The ledger: the label of each sample with its source, round and confidence. It is the state of a trial.

A ledger is immutable: a commit or a revoke returns a new one. It does not contain the truth.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self

import torch
from torch import Tensor

from alframe.core.errors import LedgerError
from alframe.core.records import Labelled


class Source(IntEnum):
    """The source of a label; every source except NONE and AUTO is a hand label."""

    NONE = 0
    SEED = 1
    QUERY = 2
    VALIDATION = 3
    AUDIT = 4
    REMAINDER = 5
    AUTO = 6

    @property
    def is_hand(self) -> bool:
        """True if the oracle gave the label."""
        return self not in (Source.NONE, Source.AUTO)


@dataclass(frozen=True, eq=False)
class LabelLedger:
    """One row per sample of the data set's file.

    Attributes:
        label_N: int64, -1 without a label.
        source_N: uint8, a `Source`.
        round_N: int16, the round that wrote the label, -1 without a label.
        log_odds_N: float32, the classifier's log-odds for an auto-label, NaN elsewhere.
        order_N: int64, the order in which the current labels were added, -1 without a label.
        member_N: bool, False for samples of the file that are not part of the trial (`data.limit`).
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
            log_odds: (n,) float32, for auto-labels.

        Raises:
            LedgerError: a sample already has a label, appears twice or is outside the data set; shapes
                differ; a label is negative; an auto-label has no log-odds.
        """
        self._check_commit(index, label, source, log_odds)
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

    @property
    def n_samples(self) -> int:
        """The number of samples that are part of the trial."""
        return int(self.member_N.sum())

    @property
    def index_hand(self) -> Tensor:
        """int64, ascending: the hand-labelled samples."""
        return self._where((self.source_N != Source.NONE) & (self.source_N != Source.AUTO))

    @property
    def index_auto(self) -> Tensor:
        """int64, ascending: the samples whose label is a prediction."""
        return self._where(self.source_N == Source.AUTO)

    @property
    def index_unlabelled(self) -> Tensor:
        """int64, ascending: the samples of the trial without a label."""
        return self._where(self.member_N & (self.source_N == Source.NONE))

    def labelled(self) -> Labelled:
        """Return the current labels, in the order in which they were added, and the pool's indices.

        A classifier never learns from validation labels: these samples count as part of the pool.
        """
        unseen_N = (self.source_N == Source.NONE) | (self.source_N == Source.VALIDATION)
        index_L = self._where(~unseen_N)
        index_L = index_L[self.order_N[index_L].argsort()]
        return Labelled(
            index_L=index_L,
            label_L=self.label_N[index_L],
            hand_L=self.source_N[index_L] != Source.AUTO,
            pool_P=self._where(self.member_N & unseen_N),
        )

    def _where(self, mask_N: Tensor) -> Tensor:
        return mask_N.nonzero().flatten()

    def _check_commit(self, index: Tensor, label: Tensor, source: Source, log_odds: Tensor | None) -> None:
        if index.dtype != torch.int64 or index.dim() != 1:
            raise LedgerError(f"Expected index to be int64 (n,), but got {index.dtype} {tuple(index.shape)}.")
        if label.shape != index.shape or (log_odds is not None and log_odds.shape != index.shape):
            raise LedgerError(
                f"Expected one label for each of {len(index)} samples, but got {tuple(label.shape)}."
            )
        if source is Source.NONE or (source is Source.AUTO) != (log_odds is not None):
            raise LedgerError(
                f"Expected log-odds with auto-labels and with no others, but got source {source.name}."
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
            raise LedgerError("Expected samples of this trial, but got one that data.limit left out.")
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
