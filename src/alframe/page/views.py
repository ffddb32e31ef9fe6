"""The forecast and the gallery of a trial: its state and its answers, put together."""

from collections.abc import Collection, Mapping
from typing import Any

from alframe.core.answer_counting import PAGE_GRID
from alframe.core.answer_times import Pace
from alframe.oracle.answer_store import AnswerStore
from alframe.page.audit_standing import with_audit
from alframe.page.desk import Now
from alframe.page.forecast import Goal, Remaining, forecast
from alframe.page.gallery import Labels, Wanted, chosen, items


def forecast_of(now: Now, store: AnswerStore, left: Mapping[str, int], pace: Pace) -> dict[str, Any]:
    """Return the plan and the forecast for a person.

    Args:
        left: of the open question, as `Service.left`. pace: of the person.
    """
    answers = store.answers()
    in_grids = sum(each.way == PAGE_GRID for each in answers.values())
    at_most = now.at_most if now.audit is None else now.audit.at_most
    remaining = Remaining(
        answered=len(answers),
        at_most=len(answers) if now.stage == "finished" else at_most,
        n_single=left["n_single"],
        n_grid=left["n_grid"],
        grid_share=in_grids / max(1, len(answers)),
    )
    found = forecast(
        now.reports,
        remaining,
        pace,
        _goal(now),
        summary=now.summary,
    )
    if now.audit is None:
        return found
    stage = None if now.question is None else now.question.purpose
    return with_audit(found, now.audit, stage, len(answers))


def gallery_of(
    now: Now, store: AnswerStore, wanted: Wanted, hidden: Collection[int], group_of: Mapping[int, int]
) -> dict[str, Any]:
    """Return a part of the gallery.

    Args:
        hidden: samples that must be answered without knowing any label. group_of: of equal images.
    """
    n = 0 if now.dataset is None else len(now.dataset)
    labels = Labels.of(now.ledger, store.answers(), n)
    found = store.predictions() if wanted.view == "disagreement" else {}
    predicted = {index: (each.number, each.confidence) for index, each in found.items()}
    index_H = chosen(labels, wanted, predicted=predicted, group_of=group_of, hidden=hidden)
    shown = index_H[wanted.offset : wanted.offset + wanted.limit].tolist()
    predicted |= {k: (each.number, each.confidence) for k, each in store.predictions(shown).items()}
    return {
        "total": len(index_H),
        "items": items(labels, shown, predicted=predicted, rows=store.rows(), group_of=group_of),
    }


def _goal(now: Now) -> Goal | None:
    """Return what the trial is to reach: the tolerance of its certificate, or that of its check."""
    if now.info is None:
        return None
    tolerance = now.info.config["certificate"]["tolerance"]
    check = now.info.config["check"]
    if tolerance is not None:
        return Goal(tolerance=tolerance, certified=True)
    return None if check["num"] == 0 else Goal(tolerance=check["warn"], certified=False)
