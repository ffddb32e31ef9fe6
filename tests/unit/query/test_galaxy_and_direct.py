"""Galaxy and Direct: questions from the row of each class."""

import math
import random

import pytest
import torch

from alframe.core.records import Labelled, PoolScores
from alframe.query import Direct, Galaxy
from alframe.query.class_graphs import ClassGraphs, class_graphs
from alframe.query.direct import (
    agreement,
    interval,
    likeliest_part,
    middle_of_best,
    narrowing,
    nearest_to_end,
)
from alframe.query.galaxy import bisections, next_place
from tests.support.pool_scores import generator, normal, pool


def scored(log_probs_PC: torch.Tensor, **fields: torch.Tensor) -> PoolScores:
    return pool(len(log_probs_PC), log_probs_PC=log_probs_PC, predicted_P=log_probs_PC.argmax(1), **fields)


def held(log_probs_LC: torch.Tensor, label_L: torch.Tensor, n_auto: int = 0) -> Labelled:
    n = len(label_L)
    return Labelled(
        index_L=torch.arange(n),
        label_L=label_L,
        hand_L=torch.arange(n) < n - n_auto,
        pool_P=torch.arange(3),
        log_probs_LC=log_probs_LC,
    )


def test_the_row_of_a_class_is_by_its_margin_and_then_by_confidence() -> None:
    probs = torch.tensor(
        [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.4, 0.35, 0.25], [0.7, 0.2, 0.1], [0.2, 0.4, 0.4]]
    )
    graphs = ClassGraphs(log_probs_MC=probs.log(), label_M=torch.full((5,), -1))
    assert graphs.order(0).tolist() == [3, 0, 2, 4, 1]  # margins 0 0 0 -.2 -.7, the surest first
    assert graphs.order(1).tolist() == [1, 4, 2, 0, 3]  # 0 0 -.05 -.2 -.5
    assert graphs.order(2).tolist() == [4, 2, 0, 3, 1]  # 0 -.15 -.3 -.6 -.7


def test_equal_samples_keep_their_order_and_certain_ones_are_told_apart() -> None:
    equal = ClassGraphs(log_probs_MC=torch.zeros(6, 2) - math.log(2), label_M=torch.full((6,), -1))
    assert equal.order(1).tolist() == list(range(6))
    certain = torch.tensor([[-1e-20, -46.0], [-1e-12, -27.6], [-1e-3, -6.9]])
    assert ClassGraphs(log_probs_MC=certain, label_M=torch.zeros(3).long()).order(0)[-1] == 2


def test_auto_labels_are_not_in_the_graphs() -> None:
    log_probs = normal(5, 3).log_softmax(1)
    graphs = class_graphs(scored(log_probs), held(log_probs[:4], torch.tensor([0, 1, 2, 0]), n_auto=3))
    assert graphs.label_M.tolist() == [-1] * 5 + [0]
    assert graphs.log_probs_MC.equal(log_probs[[0, 1, 2, 3, 4, 0]])


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("k...o", 2),
        ("k..o", 1),
        ("k....o..k", 6),  # the shorter run
        ("k.o...o.k", 1),  # the first of two equal ones
        ("k...k.o", 5),
        ("k.....ko...o", 5),  # no run between both kinds: next to the cut
        ("k.....kko...o", 9),
        ("ko.", 2),
        ("k.k", None),
        ("...", None),
        ("o.o", None),
    ],
)
def test_the_shortest_run_between_both_kinds_is_halved(row: str, expected: int | None) -> None:
    at = torch.tensor([place for place, mark in enumerate(row) if mark != "."], dtype=torch.int64)
    of_class = torch.tensor([row[place] == "k" for place in at.tolist()], dtype=torch.bool)
    assert next_place(at, of_class, len(row)) == expected


def slow_place(marks: list[int]) -> int | None:
    """Return the place as the paper defines it: the middle of the shortest shortest path between both kinds.

    marks: 1 for the class, -1 for another class, 0 without an answer. Places at a distance of at most `reach`
    are neighbours, except for answers of both kinds; reach is the smallest with a path.
    """
    places = range(len(marks))
    if {1, -1} - set(marks):
        return None
    best: list[tuple[int, int]] = []
    for left in places:
        for right in range(left + 2, len(marks)):
            inside = marks[left + 1 : right]
            if marks[left] * marks[right] == -1 and not any(inside):
                best.append((right - left, (left + right) // 2))
    if best:
        return min(best)[1]
    for reach in range(2, len(marks)):
        for place in places:
            near = {marks[other] for other in places if abs(other - place) <= reach}
            if marks[place] == 0 and {1, -1} <= near:
                return place
    raise AssertionError


def test_a_slow_second_implementation_agrees_in_random_rows() -> None:
    draw = random.Random(0)
    for _ in range(300):
        n = draw.randint(2, 14)
        marks = [draw.choice([0, 0, 1, -1]) for _ in range(n)]
        if 0 not in marks:
            continue
        at = torch.tensor([place for place in range(n) if marks[place]], dtype=torch.int64)
        of_class = torch.tensor([marks[place] == 1 for place in at.tolist()], dtype=torch.bool)
        assert next_place(at, of_class, n) == slow_place(marks), marks


def test_answers_known_at_once_bisect_to_the_end_of_the_class() -> None:
    """With true answers, as in the paper: about log2 of the run's length, then next to the cut."""
    n = 1025
    logits = torch.linspace(5, -5, n)
    log_probs = torch.stack([logits, torch.zeros(n)], dim=1).log_softmax(1)
    graphs = ClassGraphs(log_probs_MC=log_probs, label_M=torch.full((n,), -1))
    graphs.label_M[0], graphs.label_M[-1] = 0, 1
    asked = bisections(graphs, [0] * 14, (torch.arange(n) > 700).long(), generator()).tolist()
    assert asked[:10] == [512, 768, 640, 704, 672, 688, 696, 700, 702, 701]
    assert asked[10:] == [699, 698, 703, 697]


def test_galaxy_finds_a_rare_class_that_the_classifier_underrates() -> None:
    """20 of 1,000 samples are of class 0; the classifier gives all of them less than one half."""
    logit_P = torch.linspace(-1, -6, 1000)
    log_probs_PC = torch.stack([logit_P, torch.zeros(1000)], dim=1).log_softmax(1)
    labels = held(log_probs_PC[[0, 1, 500, 900]], torch.tensor([0, 0, 1, 1]))
    strategy = Galaxy(max_candidates=None)
    rare = [
        int((strategy.select(scored(log_probs_PC), labels, 30, generator(seed)) - 10 < 250).sum())
        for seed in range(5)
    ]
    assert min(rare) > 15


def test_galaxy_asks_at_random_if_a_class_has_no_label() -> None:
    log_probs_PC = normal(50, 3).log_softmax(1)
    labels = held(log_probs_PC[:0], torch.tensor([], dtype=torch.int64))
    asked = {
        tuple(Galaxy(max_candidates=None).select(scored(log_probs_PC), labels, 2, generator(s)).tolist())
        for s in range(9)
    }
    assert len(asked) > 5


def signs(row: str) -> torch.Tensor:
    return torch.tensor([{"k": 1, "o": -1, ".": 0}[mark] for mark in row])


@pytest.mark.parametrize(
    ("row", "end"),
    [("kkoo", 2), ("kokkoo", 4), ("k....o", 3), ("....", 2), ("o..k", 4), ("kk", 2), ("oo", 0)],
)
def test_the_end_of_a_class_agrees_with_most_labels(row: str, end: int) -> None:
    sign_M = signs(row)
    agrees = [int((sign_M[:s] == 1).sum() + (sign_M[s:] == -1).sum()) for s in range(len(row) + 1)]
    best = [s for s, agree in enumerate(agrees) if agree == max(agrees)]
    assert middle_of_best(agreement(sign_M)) == best[len(best) // 2] == end


@pytest.mark.parametrize(
    ("row", "inside"),
    [
        ("k..o..", [1, 2]),
        ("k.o.k.o.", [1, 3, 5]),
        ("..k.k..", [5, 6]),  # no other label: to the last place, from the last of the class
        ("..o.o..", [0, 1]),
        (".o.k..", [0, 2, 4, 5]),
        ("....", [0, 1, 2, 3]),
        ("ko", []),
    ],
)
def test_the_interval_in_which_a_class_ends(row: str, inside: list[int]) -> None:
    assert interval(signs(row)).tolist() == inside
    asked = narrowing(signs(row), signs("o" * len(row)), 1, generator()).tolist()
    assert set(asked) <= set(inside)
    assert len(asked) == min(1, len(inside))


def test_less_likely_ends_are_dropped_until_both_ends_of_the_part_are_best() -> None:
    draw = random.Random(1)
    for _ in range(200):
        row = "".join(draw.choice("ko...") for _ in range(draw.randint(1, 15)))
        left = [place for place, mark in enumerate(row) if mark == "."]
        n = draw.randint(0, len(left))
        agree = {place: row[:place].count("k") + row[place:].count("o") for place in left}
        part = list(left)
        while len(part) > n and {agree[part[0]], agree[part[-1]]} != {max(agree.values())}:
            part.remove(min((part[0], part[-1]), key=lambda place: agree[place]))
        kept = likeliest_part(signs(row), torch.tensor(left, dtype=torch.int64), n).tolist()
        assert kept == part
        assert not part or max(agree[place] for place in part) == max(agree.values())


def test_true_answers_narrow_the_interval_to_the_end_of_the_class() -> None:
    n, end = 1000, 640
    answer_M = torch.where(torch.arange(n) < end, 1, -1)
    sign_M = torch.zeros(n, dtype=torch.int64)
    sign_M[0], sign_M[-1] = 1, -1
    for seed in range(5):
        asked = narrowing(sign_M, answer_M, 20, generator(seed))
        assert len(asked.unique()) == 20
        assert (asked[-5:] - end).abs().max() < 40


def test_the_nearest_places_in_turns() -> None:
    assert nearest_to_end(signs("k.....o"), 9).tolist() == [3, 4, 2, 5, 1]
    assert nearest_to_end(signs("k..k..o"), 2).tolist() == [4, 5]


def test_direct_divides_a_question_by_the_classes_the_rarest_first() -> None:
    """Each class has its own part of the pool; its questions come from there."""
    n_classes, size = 4, 50
    class_P = torch.arange(n_classes).repeat_interleave(size)
    weight_P = torch.linspace(3, 0.2, size).repeat(n_classes)
    log_probs_PC = (torch.eye(n_classes)[class_P] * weight_P[:, None]).log_softmax(1)
    rows = torch.tensor([0, 0, 0, 40, 50, 50, 90, 100, 140, 150, 190])
    labels = held(log_probs_PC[rows], torch.tensor([0, 0, 0, 1, 1, 1, 0, 2, 3, 3, 2]))
    asked = Direct(max_candidates=None).select(scored(log_probs_PC), labels, 40, generator()) - 10
    counts = torch.bincount(class_P[asked], minlength=n_classes)
    assert len(asked) == 40
    assert counts.min() >= 5


def test_direct_asks_the_rarest_classes_if_there_are_more_classes_than_questions() -> None:
    log_probs_PC = normal(60, 6).mul(3).log_softmax(1)
    labels = held(log_probs_PC[:9], torch.tensor([0, 0, 1, 1, 2, 2, 3, 3, 5]))
    strategy = Direct(max_candidates=None)
    graphs = class_graphs(scored(log_probs_PC), labels)
    asked = strategy.select(scored(log_probs_PC), labels, 1, generator()) - 10
    order_M = graphs.order(4)  # without a label
    sign = torch.where(graphs.label_M[order_M] < 0, 0, -1)
    assert asked.tolist() == order_M[nearest_to_end(sign, 1)].tolist()
