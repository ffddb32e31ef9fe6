"""Step 1: the seed set and the validation set, which are hand labelled before the first training."""

import warnings

import torch
from torch import Tensor

from alframe.core.asking import hand_label, question_of, with_current_answers
from alframe.core.components import Components
from alframe.core.errors import ConfigError, TrialNotice, UserError
from alframe.core.ledger import LabelLedger, Source
from alframe.core.loop_plan import LoopPlan
from alframe.core.protocols import RememberingOracle
from alframe.core.seeds import derive_generator
from alframe.core.selection import among


def label_seed_set(
    components: Components, plan: LoopPlan, ledger: LabelLedger
) -> tuple[LabelLedger, Tensor, str | None]:
    """Return the ledger with seed set and validation set labelled, validation_V (int64), and a note or None.

    If all answers name one class, more samples are asked about, until there are two classes.
    """
    seed_set = question_of(components, ledger, "seed", 0, lambda: _seed_set(components, plan, ledger))
    _check_budget(components, plan, ledger, len(seed_set))
    _warn_of_small_check(plan, len(seed_set) + components.validation_size)
    ledger = hand_label(components, ledger, seed_set, Source.SEED, 0)
    ledger, note = _second_class(components, plan, ledger)
    left, n = ledger.index_unlabelled, components.validation_size
    generator = derive_generator(plan.seed, 0, "validation")
    validation_V = question_of(
        components,
        ledger,
        "validation",
        0,
        lambda: left[torch.randperm(len(left), generator=generator)[:n]].sort().values,
    )
    ledger = hand_label(components, ledger, validation_V, Source.VALIDATION, 0)
    validation_V = validation_V[ledger.label_N[validation_V] >= 0]
    return ledger, validation_V, note or validation_note(validation_V)


def _seed_set(components: Components, plan: LoopPlan, ledger: LabelLedger) -> Tensor:
    """Return the seed set's selection; answers that are known already take the place of some of it."""
    pool_P = ledger.index_unlabelled
    selected = components.initial.select(pool_P, derive_generator(plan.seed, 0, "initial"))
    oracle = components.oracle
    if not isinstance(oracle, RememberingOracle):
        return selected
    known = oracle.known(0)
    known = known[among(known, pool_P)]
    n_more = max(0, len(selected) - len(known))
    return torch.cat([known, selected[~among(selected, known)][:n_more]])


def _second_class(
    components: Components, plan: LoopPlan, ledger: LabelLedger
) -> tuple[LabelLedger, str | None]:
    """Return the ledger with at least two classes, as far as the pool and the budget allow, and a note."""
    n_first, attempt = ledger.n_answers, 1
    while len(_classes_of(ledger)) < 2 and len(ledger.index_unlabelled):
        attempt += 1
        purpose = f"seed {attempt}"
        generator = derive_generator(plan.seed, 0, purpose)
        pool_P = ledger.index_unlabelled
        # As many again as the answers so far, so that a rare class is found in few steps.
        n = plan.affordable(min(len(pool_P), max(1, ledger.n_answers)), ledger)
        if n == 0:
            break
        order = torch.randperm(len(pool_P), generator=generator)
        more = question_of(components, ledger, purpose, 0, lambda: pool_P[order[:n]])  # noqa: B023
        ledger = hand_label(components, ledger, more, Source.SEED, 0)
    n_more = ledger.n_answers - n_first
    if n_more == 0:
        return ledger, None
    return ledger, f"the first {n_first:,} answers did not name two classes: {n_more:,} more were asked"


def _classes_of(ledger: LabelLedger) -> Tensor:
    return ledger.labelled().label_L.unique()


def validation_note(validation_V: Tensor) -> str | None:
    """Return the note of the seed row on the validation set, or None if there is none."""
    n = len(validation_V)
    return f"{n:,} of them for validation; they are never learned from" if n else None


def checked_seed_set(components: Components, plan: LoopPlan, ledger: LabelLedger) -> LabelLedger:
    """Return the ledger with at least two classes before the first training.

    People may have changed answers or removed images since the seed set was labelled; then more is asked.

    Raises:
        UserError: the seed set has fewer than two classes, or the first question is empty.
    """
    ledger = with_current_answers(components, ledger, 1)
    ledger, _ = _second_class(components, plan, ledger)
    if len(ledger.index_unlabelled) == 0:
        return ledger
    n_classes = len(_classes_of(ledger))
    if n_classes < 2:
        raise UserError(
            f"initial: expected a seed set with at least two classes, got {n_classes} "
            f"in {ledger.n_answers} answers. Write a larger stopping.max_hand_labels."
        )
    if components.query is not None:
        plan.question.first_count(ledger.n_samples, len(ledger.index_unlabelled), ledger.n_answers)
    return ledger


def _check_budget(components: Components, plan: LoopPlan, ledger: LabelLedger, n_seed_set: int) -> None:
    budget, n_validation = plan.max_hand_labels, components.validation_size
    if budget is not None and n_seed_set + n_validation > budget:
        also = f" and the validation set's {n_validation}" if n_validation else ""
        raise ConfigError(
            "stopping.max_hand_labels", f"at least the seed set's {n_seed_set}{also} samples", budget
        )
    n_samples, wanted = ledger.n_samples, getattr(getattr(components.initial, "amount", None), "num", None)
    if wanted is not None and wanted > n_samples:
        way_out = f"initial.num={n_samples} labels all by hand."
        raise ConfigError("initial.num", f"at most the data set's {n_samples} samples", wanted, way_out)
    if n_seed_set == n_samples:
        text = (
            f"initial: the seed set takes all {n_samples} samples: they are labelled by hand, and no "
            "classifier is trained"
        )
        warnings.warn(f"{text}. Write a smaller initial.num to train one.", TrialNotice, stacklevel=2)
    elif n_seed_set + n_validation >= n_samples:
        policy_wants_it = getattr(components.auto_label, "validation_size", 0) == n_validation
        group, left = "auto_label" if policy_wants_it else "stopping", n_samples - n_seed_set
        raise ConfigError(
            f"{group}.validation_size",
            f"fewer samples than the seed set of {n_seed_set} leaves ({left})",
            n_validation,
            f"Write {group}.validation_size={left // 2}." if left > 1 else f"Choose another {group}.",
        )


def _warn_of_small_check(plan: LoopPlan, n_before: int) -> None:
    """Warn, before the first question, if the budget leaves less for the check than it would ask."""
    budget, left = plan.max_hand_labels, plan.share_of_check(n_before)
    if budget is None or left == plan.num_check:
        return
    answers = f"{left} answers" if left else "no answer"  # more, if the rounds do not use the rest
    warnings.warn(
        f"stopping.max_hand_labels={budget} keeps {answers} for the check of the auto-labels, which would "
        f"ask {plan.num_check}: the fewer are checked, the less is known about how many are wrong.",
        TrialNotice,
        stacklevel=2,
    )
