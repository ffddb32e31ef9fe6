"""How many answers a waiting trial asks for at most, by what it has asked so far and by its plan."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from alframe.core.answer_counting import AUDIT, DOUBTFUL, SECOND_LOOK
from alframe.core.components import Components
from alframe.core.errors import Waiting
from alframe.core.ledger import NO_ANSWER, LabelLedger
from alframe.core.loop_plan import LoopPlan
from alframe.core.protocols import RememberingOracle

_AT_THE_END = ("check", DOUBTFUL, AUDIT, SECOND_LOOK)  # the purposes of questions after the rounds


@dataclass(frozen=True, kw_only=True, eq=False)
class AnswerBound:
    """The amounts of a trial that bound the number of its answers.

    Attributes:
        plan: of the trial. member_N: bool, the samples that take part.
        n_validation: the size of the validation set.
        max_rounds: of the stopping rule, None without a limit. after: the most answers after the rounds.
    """

    plan: LoopPlan
    member_N: Tensor
    n_validation: int
    max_rounds: int | None
    after: int

    def most(self, waiting: Waiting, before: LabelLedger | None, answered_N: Tensor) -> tuple[int, bool]:
        """Return the most answers in all, and whether it could be more if the seed set names a single class.

        Args:
            waiting: what the trial waits for.
            before: the labels of the last round, None before round 0 is done.
            answered_N: bool, the samples with an answer now.
        """
        asked = int(answered_N.sum()) + waiting.wanted - waiting.answered
        left = None if self.max_rounds is None else max(0, self.max_rounds - waiting.round)
        base, after = asked, self.after
        if waiting.question in _AT_THE_END and before is not None:
            base, left = before.n_answers, 0
        elif before is None and waiting.question != "validation":
            base += self.n_validation
        # Answers about images that were removed come on top of the samples.
        n_samples = int((self.member_N | answered_N).sum())
        most, most_of_all = (
            max(asked, self.plan.most_answers(n_samples, asked=base, n_rounds=n_rounds, after=after))
            for n_rounds in (left, None)
        )
        return most, waiting.question.startswith("seed") and most < most_of_all

    def told(
        self, text: str, waiting: Waiting, components: Components, before: LabelLedger | None
    ) -> tuple[str, Waiting]:
        """Return a text and what the trial waits for, both with the most answers in all."""
        everything, oracle = torch.arange(len(self.member_N)), components.oracle
        answered_N = torch.zeros(len(everything), dtype=torch.bool)
        if isinstance(oracle, RememberingOracle):
            answered_N = oracle.current(everything) != NO_ANSWER
        most, maybe_more = self.most(waiting, before, answered_N)
        more = ", or more if the first ones name a single class" if maybe_more else ""
        text = f"{text} The plan asks for at most {most:,} answers in all{more}."
        return text, replace(waiting, at_most=most)
