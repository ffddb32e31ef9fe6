import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alframe.core.errors import LedgerError
from alframe.core.ledger import CANNOT_TELL, NO_CLASS, LabelLedger, Source

HAND = [Source.SEED, Source.QUERY, Source.VALIDATION, Source.AUDIT, Source.REMAINDER, Source.MEND]


def ints(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64)


def test_commit_writes_every_column_and_does_not_change_the_old_ledger() -> None:
    empty = LabelLedger.empty(4)
    ledger = empty.commit(ints(3, 1), ints(7, 5), Source.SEED, 0)
    ledger = ledger.commit(ints(0), ints(2), Source.AUTO, 2, torch.tensor([9.5]))
    assert ledger.label_N.tolist() == [2, 5, -1, 7]
    assert ledger.source_N.tolist() == [6, 1, 0, 1]
    assert ledger.round_N.tolist() == [2, 0, -1, 0]
    assert ledger.order_N.tolist() == [2, 1, -1, 0]
    assert ledger.log_odds_N[0] == 9.5
    assert ledger.log_odds_N[1:].isnan().all()
    assert empty.label_N.tolist() == [-1] * 4


def test_labelled_has_the_order_in_which_labels_were_added() -> None:
    ledger = LabelLedger.empty(5).commit(ints(4, 2), ints(1, 0), Source.SEED, 0)
    ledger = ledger.commit(ints(0), ints(1), Source.AUTO, 1, torch.tensor([3.0]))
    labelled = ledger.labelled()
    assert labelled.index_L.tolist() == [4, 2, 0]
    assert labelled.label_L.tolist() == [1, 0, 1]
    assert labelled.hand_L.tolist() == [True, True, False]
    assert labelled.pool_P.tolist() == [1, 3]


def test_a_revoked_sample_can_be_labelled_again_and_is_last() -> None:
    ledger = LabelLedger.empty(3).commit(ints(0, 1), ints(0, 1), Source.AUTO, 1, torch.zeros(2))
    ledger = ledger.revoke(ints(0)).commit(ints(2), ints(1), Source.QUERY, 2)
    ledger = ledger.commit(ints(0), ints(1), Source.QUERY, 2)
    assert ledger.labelled().index_L.tolist() == [1, 2, 0]
    assert ledger.log_odds_N[0].isnan()


@pytest.mark.parametrize(
    ("index", "label", "source", "odds", "said"),
    [
        ([0], [1], Source.QUERY, None, "sample 0 has one (seed). Revoke it first"),
        ([1, 1], [1, 1], Source.QUERY, None, "each sample once"),
        ([5], [1], Source.QUERY, None, r"indices in [0, 4), but got 5"),
        ([-1], [1], Source.QUERY, None, "but got -1"),
        ([1], [-1], Source.QUERY, None, "labels of at least 0"),
        ([1], [1, 2], Source.QUERY, None, "one label for each"),
        ([1], [1], Source.AUTO, None, "log-odds with auto-labels"),
        ([1], [1], Source.QUERY, [1.0], "log-odds with auto-labels"),
        ([1], [1], Source.NONE, None, "but got source NONE"),
        ([3], [1], Source.QUERY, None, "not part of it"),
    ],
)
def test_invalid_commits_are_refused(index, label, source, odds, said) -> None:
    ledger = LabelLedger.empty(4, torch.tensor([True, True, True, False]))
    ledger = ledger.commit(ints(0), ints(1), Source.SEED, 0)
    with pytest.raises(LedgerError) as caught:
        ledger.commit(ints(*index), ints(*label), source, 1, None if odds is None else torch.tensor(odds))
    assert said in str(caught.value)


def test_a_sample_without_a_label_cannot_be_revoked() -> None:
    with pytest.raises(LedgerError, match="some have none"):
        LabelLedger.empty(2).revoke(ints(1))


@st.composite
def histories(draw: st.DrawFn) -> tuple[LabelLedger, dict[int, tuple[int, Source, int]], int]:
    """Random commits and revokes, and what a plain dict says the ledger must hold."""
    size = draw(st.integers(1, 12))
    members = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    ledger = LabelLedger.empty(size, torch.tensor(members, dtype=torch.bool))
    held: dict[int, tuple[int, Source, int]] = {}
    for round in range(draw(st.integers(0, 6))):
        free = [index for index in range(size) if members[index] and index not in held]
        chosen = draw(st.lists(st.sampled_from(free), unique=True)) if free else []
        labels = [draw(st.integers(0, 9)) for _ in chosen]
        source = draw(st.sampled_from([*HAND, Source.AUTO]))
        odds = torch.zeros(len(chosen)) if source is Source.AUTO else None
        ledger = ledger.commit(ints(*chosen), ints(*labels), source, round, odds)
        for index, label in zip(chosen, labels, strict=True):
            held[index] = (label, source, round)
        if held and draw(st.booleans()):
            gone = draw(st.lists(st.sampled_from(sorted(held)), unique=True))
            ledger = ledger.revoke(ints(*gone))
            for index in gone:
                del held[index]
    return ledger, held, sum(members)


@given(histories())
@settings(max_examples=150, deadline=None)
def test_the_ledger_holds_all_labels_that_were_not_revoked(history) -> None:
    ledger, held, n_members = history
    assert ledger.n_samples == n_members
    order = [index for index in held if held[index][1] is not Source.VALIDATION]
    assert ledger.labelled().index_L.tolist() == order
    assert ledger.labelled().label_L.tolist() == [held[index][0] for index in order]
    hand = sorted(index for index in held if held[index][1] in HAND)
    assert ledger.index_hand.tolist() == hand
    assert ledger.index_auto.tolist() == sorted(set(held) - set(hand))
    assert len(ledger.index_unlabelled) + len(held) == n_members
    assert len(ledger.labelled().pool_P) + len(order) == n_members  # validation samples count as pool
    for index, (label, source, round) in held.items():
        assert (ledger.label_N[index], ledger.source_N[index], ledger.round_N[index]) == (
            label,
            source,
            round,
        )
    assert set(ledger.index_unlabelled.tolist()).isdisjoint(held)


@given(histories())
@settings(max_examples=50, deadline=None)
def test_no_commit_overwrites_a_label(history) -> None:
    ledger, held, _ = history
    for index in held:
        with pytest.raises(LedgerError):
            ledger.commit(ints(index), ints(0), Source.QUERY, 9)


def test_answers_without_a_class_leave_the_pool_and_are_counted() -> None:
    ledger = LabelLedger.empty(6)
    answer = torch.tensor([1, CANNOT_TELL, NO_CLASS])
    ledger = ledger.answered(torch.tensor([4, 0, 2]), answer, Source.SEED, 0)
    assert ledger.index_hand.tolist() == [4]
    assert ledger.index_set_aside.tolist() == [0, 2]
    assert ledger.index_unlabelled.tolist() == [1, 3, 5]
    assert ledger.n_answers == 3
    assert ledger.source_N[[0, 2]].tolist() == [Source.CANNOT_TELL, Source.NO_CLASS]
    assert ledger.labelled().index_L.tolist() == [4]
    assert ledger.labelled().pool_P.tolist() == [1, 3, 5]
    with pytest.raises(LedgerError, match="Expected the answers"):
        ledger.set_aside(torch.tensor([1]), torch.tensor([0]), 0)


def test_an_answer_can_be_changed_in_every_direction() -> None:
    ledger = LabelLedger.empty(4).answered(
        torch.tensor([0, 1, 2]), torch.tensor([0, 1, CANNOT_TELL]), Source.QUERY, 3
    )
    changed = ledger.changed(torch.tensor([0, 1, 2]), torch.tensor([1, NO_CLASS, 0]))
    assert changed.label_N.tolist() == [1, -1, 0, -1]
    assert changed.source_N.tolist() == [Source.QUERY, Source.NO_CLASS, Source.QUERY, Source.NONE]
    assert changed.round_N.tolist() == [3, 3, 3, -1]
    assert changed.order_N[0] == ledger.order_N[0]
    assert ledger.label_N.tolist() == [0, 1, -1, -1]
    with pytest.raises(LedgerError, match="have an answer"):
        ledger.changed(torch.tensor([3]), torch.tensor([0]))


def test_samples_are_added_at_the_end_and_removed_ones_keep_their_labels() -> None:
    ledger = LabelLedger.empty(3).answered(torch.tensor([0, 1]), torch.tensor([1, 0]), Source.SEED, 0)
    larger = ledger.resized(torch.tensor([False, True, True, True]))
    assert larger.n_samples == 3
    assert larger.label_N.tolist() == [1, 0, -1, -1]
    assert larger.index_hand.tolist() == [1]
    assert larger.index_unlabelled.tolist() == [2, 3]
    assert larger.labelled().index_L.tolist() == [1]
    assert larger.n_answers == 2
    with pytest.raises(LedgerError, match="at least 4"):
        larger.resized(torch.ones(3, dtype=torch.bool))


def test_given_labels_are_no_answers_and_no_auto_labels() -> None:
    ledger = LabelLedger.empty(4).commit(ints(0, 1, 2), ints(1, 0, 1), Source.GIVEN, 0)
    assert ledger.n_answers == 0
    assert ledger.index_given.tolist() == ledger.index_unchecked.tolist() == [0, 1, 2]
    assert not len(ledger.index_hand)
    assert not len(ledger.index_auto)
    mended = ledger.revoke(ints(1)).answered(ints(1), ints(1), Source.MEND, 1)
    assert mended.index_given.tolist() == [0, 2]
    assert mended.index_hand.tolist() == [1]
    assert mended.labelled().index_L.tolist() == [0, 2, 1]


def test_given_labels_may_have_log_odds() -> None:
    ledger = LabelLedger.empty(2).commit(ints(0), ints(1), Source.GIVEN, 0, torch.tensor([2.0]))
    assert ledger.log_odds_N[0] == 2.0
