"""The gallery, by hand: ten samples, a ledger of a round, and answers that came after it."""

import time

import pytest
import torch

from alframe.core.answer_counting import PAGE, PAGE_REVIEW, TAKEN_BACK
from alframe.core.errors import UserError
from alframe.core.ledger import CANNOT_TELL, LabelLedger, Source
from alframe.data import ImageDataset
from alframe.oracle.answer_records import NewAnswer
from alframe.oracle.answer_store import AnswerStore
from alframe.page.equal_images import equal_images
from alframe.page.gallery import Labels, Wanted, chosen, history, items, view_of

PREDICTED = {0: (1, 0.6), 1: (0, 0.9), 2: (0, 0.8), 5: (0, 0.99), 8: (0, 0.7)}
GROUPS = {0: 0, 3: 0, 4: 1, 5: 1, 7: 2, 9: 2}


def ledger() -> LabelLedger:
    """0 to 2 are hand labels 0, 1, 1; 3 cannot be told; 4 to 7 are auto-labels."""
    made = LabelLedger.empty(10)
    made = made.commit(torch.tensor([0, 1]), torch.tensor([0, 1]), Source.SEED, 0)
    made = made.answered(torch.tensor([2, 3]), torch.tensor([1, CANNOT_TELL]), Source.QUERY, 1)
    auto, label = torch.tensor([4, 5, 6, 7]), torch.tensor([0, 1, 0, 0])
    return made.commit(auto, label, Source.AUTO, 1, torch.tensor([2.0, 0.0, 1.0, 3.0]))


@pytest.fixture
def store(tmp_path):
    """Sample 8 was answered after the round, 5 was corrected, and 1 was changed."""
    with AnswerStore(tmp_path) as opened:
        for who, sample, answer, way in [
            *(("Ada", 0, 0, PAGE), ("Ada", 1, 0, PAGE), ("Ada", 2, 1, PAGE), ("Ada", 3, CANNOT_TELL, PAGE)),
            *(("Bob", 8, 1, PAGE), ("Bob", 5, 0, PAGE_REVIEW), ("Ada", 1, 1, PAGE)),
        ]:
            opened.add([NewAnswer(sample=sample, answer=answer, way=way)], who=who)
        yield opened


@pytest.fixture
def labels(store):
    return Labels.of(ledger(), store.answers(), 10)


def view(labels, name, number=None, source="", hidden=(), group_of=GROUPS):
    wanted = Wanted(view=name, number=number, source=source, offset=0, limit=9)
    return chosen(labels, wanted, predicted=PREDICTED, group_of=group_of, hidden=hidden).tolist()


def test_all_labels_hand_labels_first_then_the_least_confident(labels):
    assert view(labels, "labels") == [1, 5, 8, 3, 2, 0, 6, 4, 7]
    assert view(labels, "labels", source="auto") == [6, 4, 7]
    assert view(labels, "labels", source="hand", number=1) == [1, 8, 2]
    assert view(labels, "labels", number=CANNOT_TELL) == [3]
    assert view(labels, "labels", hidden=[4, 8]) == [1, 5, 3, 2, 0, 6, 7]


def test_what_hands_and_classifier_disagree_on_the_surest_first(labels):
    assert view(labels, "disagreement") == [1, 2, 8, 0]  # 0.9, 0.8, 0.7, 0.6; sample 5 is now as predicted
    assert view(labels, "disagreement", source="auto") == []


def test_doubtful_are_the_least_confident_auto_labels(labels):
    assert view(labels, "doubtful") == [6, 4, 7]
    assert view(labels, "doubtful", number=1) == []


def test_equal_images_with_different_labels_come_first(labels):
    # 4 and 5 are both 0 now, 0 and 3 differ, and 9 of the last group has no label.
    assert view(labels, "duplicates") == [0, 3, 4, 5]
    assert view(labels, "duplicates", group_of={}) == []


def test_the_facts_about_a_sample(store, labels):
    found = items(labels, [5, 8, 1, 4, 3], predicted=PREDICTED, rows=store.rows(), group_of=GROUPS)
    keys = ("index", "label", "source", "confidence", "predicted", "who", "round", "changed", "group")
    assert [tuple(each[key] for key in keys) for each in found] == [
        (5, 0, "query", None, 0, "Bob", None, False, 1),
        (8, 1, "query", None, 0, "Bob", None, False, None),
        (1, 1, "seed", None, 0, "Ada", 0, True, None),
        (4, 0, "auto", pytest.approx(1 / (1 + 2.718281828**-2)), 0, None, 1, False, 1),
        (3, CANNOT_TELL, "cannot_tell", None, None, "Ada", 1, False, 0),
    ]


def test_before_the_first_round_there_are_only_answers(store):
    labels = Labels.of(None, store.answers(), 10)
    assert view(labels, "labels") == [1, 5, 8, 3, 2, 0]
    assert Labels.of(None, {}, 0).label_N.tolist() == [-1]


def test_a_class_or_an_image_may_come_or_go(store):
    store.add([NewAnswer(sample=12, answer=7, way=PAGE)], who="Eve")  # of a class and an image of tomorrow
    assert view(Labels.of(ledger(), store.answers(), 13), "labels")[0] == 12
    gone = ledger().resized(torch.arange(10) != 6)
    assert 6 not in view(Labels.of(gone, store.answers(), 10), "labels")


def test_history_tells_what_was_taken_back(store):
    store.undo("Ada")
    found = history(store.rows_of(1))
    assert [(row["who"], row["answer"], row["way"]) for row in found] == [
        ("Ada", 0, PAGE),
        ("Ada", 1, PAGE),
        ("Ada", None, PAGE),
    ]
    assert store.rows_of(1)[-1].answer == TAKEN_BACK


def test_a_view_that_does_not_exist():
    assert view_of("doubtful") == "doubtful"
    with pytest.raises(
        UserError, match="expected one of labels, disagreement, doubtful, duplicates, got 'all'"
    ):
        view_of("all")


def test_equal_images_of_arrays_and_files(tmp_path):
    images = torch.tensor([1, 2, 1, 3, 2, 1], dtype=torch.uint8).view(6, 1, 1, 1).expand(6, 1, 4, 4).clone()
    dataset = ImageDataset.from_arrays("mine", images, class_names=("a", "b"))
    assert equal_images(dataset) == {0: 0, 2: 0, 5: 0, 1: 1, 4: 1}
    for name, content in {"a": b"12", "b": b"21", "c": b"12", "d": b"123"}.items():
        (tmp_path / name).write_bytes(content)
    paths = tuple(tmp_path / name for name in "abcde")  # e is not there
    files = type(dataset)(**{**vars(dataset), "images_N": images[:5], "paths_N": paths})
    assert equal_images(files) == {0: 0, 2: 0}


def test_sixty_thousand_labels_cost_milliseconds(tmp_path):
    n = 60_000
    auto = torch.arange(10_000, n)
    made = LabelLedger.empty(n).commit(torch.arange(10_000), torch.zeros(10_000).long(), Source.SEED, 0)
    made = made.commit(auto, auto % 10, Source.AUTO, 1, torch.rand(len(auto)))
    with AnswerStore(tmp_path) as store:
        store.add([NewAnswer(sample=k, answer=0, way=PAGE) for k in range(10_000)], who="Ada")
        answers = store.answers()
    start = time.process_time()
    labels = Labels.of(made, answers, n)
    assert len(view(labels, "labels", group_of={})) == n
    assert time.process_time() - start < 0.5
