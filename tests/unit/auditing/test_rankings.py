"""Rankings of labels: their order, their log-odds, and what is kept of them."""

from pathlib import Path

import pytest
import torch

from alframe.auditing.rankings import KeptRankings, rank_labels
from alframe.trial.out_of_sample import CrossValidation

PROBS_NC = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [torch.nan] * 3])
LABEL_N = torch.tensor([0, 0, -1, 1])


def test_quality_log_odds_and_prediction_by_hand() -> None:
    ranking = rank_labels(PROBS_NC.log(), LABEL_N, "self_confidence")
    assert ranking.quality_N[:2].exp().tolist() == pytest.approx([0.7, 0.1])
    assert ranking.log_odds_N[:2].sigmoid().tolist() == pytest.approx([0.7, 0.1])
    assert ranking.predicted_N.tolist() == [0, 1, -1, -1]
    assert ranking.quality_N[2:].isnan().all()


def test_log_odds_do_not_saturate() -> None:
    log_probs_NC = torch.tensor([[-1e-12, -30.0]]).double()
    ranking = rank_labels(log_probs_NC, torch.tensor([0]), "self_confidence")
    assert float(ranking.log_odds_N[0]) == pytest.approx(30.0, abs=1e-3)


def test_a_ranking_is_made_once_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").mkdir()
    calls: list[int] = []

    def predicted(*_: object, seed: int) -> torch.Tensor:
        calls.append(seed)
        return PROBS_NC.log()

    monkeypatch.setattr("alframe.auditing.rankings.out_of_sample", predicted)

    def kept() -> KeptRankings:
        return KeptRankings(
            directory=tmp_path,
            learner=None,  # type: ignore[arg-type]
            plan=CrossValidation(folds=2, networks=1, passes=1, batch_size=2, label_smoothing=0.0),
            method="normalised_margin",
            seed=5,
            log_probs_NC=None,
        )

    known_N = torch.zeros(4, dtype=torch.bool)
    first, again = (kept()(LABEL_N, known_N, 1) for _ in range(2))
    assert torch.equal(first.quality_N[:2], again.quality_N[:2])
    assert first.seconds == again.seconds
    kept()(LABEL_N, known_N, 2)
    assert len(calls) == 2
    assert calls[0] != calls[1]  # another round draws other folds
