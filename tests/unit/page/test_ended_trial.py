"""A finished trial, read from its files."""

import torch

from alframe.core.ledger import CANNOT_TELL, LabelLedger, Source
from alframe.page.ended_trial import read_ledger
from alframe.tracking.files import label_lines

MEMBERS = torch.tensor([True] * 7 + [False])


def test_the_labels_are_read_as_they_were_written(tmp_path):
    ledger = LabelLedger.empty(8, MEMBERS)
    ledger = ledger.answered(torch.tensor([5, 2]), torch.tensor([1, CANNOT_TELL]), Source.SEED, 0)
    ledger = ledger.commit(
        torch.tensor([0, 3]), torch.tensor([2, 0]), Source.AUTO, 4, torch.tensor([2.5, float("inf")])
    )
    file = tmp_path / "labels.csv"
    file.write_text("".join(label_lines(ledger)))
    found = read_ledger(file, MEMBERS)
    assert torch.equal(found.label_N, ledger.label_N)
    assert torch.equal(found.source_N, ledger.source_N)
    assert torch.equal(found.round_N, ledger.round_N)
    torch.testing.assert_close(found.log_odds_N, ledger.log_odds_N, equal_nan=True)
