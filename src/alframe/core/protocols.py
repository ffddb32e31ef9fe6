"""The interfaces of a trial's components: the methods that the loop calls and a plug-in must provide.

A component is any object with these methods. Name its class as `_target_` in a config group, from this
package or from your own.
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from alframe.core.answer_times import AnswerTimes
from alframe.core.check_result import CheckResult
from alframe.core.ledger import LabelLedger
from alframe.core.records import Accepted, Labelled, PoolScores, Validation
from alframe.core.reports import Certificate, Counts, FitReport, RoundReport

# Scores that cost nothing extra. All other needs of a strategy are computed for its candidates only.
CHEAP = frozenset({"margin", "entropy"})
# Scores of the labelled samples, each named like the score of the pool.
LABELLED = frozenset({"labelled_features", "labelled_log_probs"})


class Learner(Protocol):
    """Trains a classifier on labels and scores samples with it."""

    def fit(self, labelled: Labelled, round: int, *, final: bool = False) -> FitReport:
        """Train on the labels so far.

        Args:
            labelled: the labels so far and the indices without one.
            round: 1-based.
            final: True for the extra fit after the last question, whose scores decide the remainder.

        Raises:
            TrainingDiverged: a loss or a weight is not finite.
        """
        ...

    def score(self, index_P: Tensor, needs: frozenset[str]) -> PoolScores:
        """Return the scores of `index_P` (int64), in that order, with the fields that `needs` names."""
        ...

    def predict_test(self) -> Tensor | None:
        """Return (T,) int64 predicted classes of the test images, or None if there is no test set."""
        ...


class SeedSet(Protocol):
    """Chooses the samples that are hand labelled before the first training."""

    def select(self, index_N: Tensor, generator: torch.Generator) -> Tensor:
        """Return int64 indices to label, taken from `index_N` (int64, ascending)."""
        ...


class QueryStrategy(Protocol):
    """Chooses the samples to ask about next; `needs` names the optional fields of `PoolScores` that it reads.

    Three methods are optional:

    - `in_force(labelled) -> strategy`: the strategy that asks this time, for a schedule of several. Only its
      needs are computed, and its optional methods are called; the needs of the schedule are those of all.
    - `candidates(scores, n, generator) -> index`: the part of the pool to select from, for a method that
      does not scale to the whole pool. Its needs are computed for these samples only.
    - `value(scores) -> (P,)`: samples with a lower value are asked about sooner. With this method, the
      validation set is thinned out at the same values as the pool; without it, evenly.
    """

    needs: frozenset[str]

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return index_Q, int64: min(n, len(scores)) different samples of the pool."""
        ...


class AutoLabelPolicy(Protocol):
    """Decides which predictions become labels; `needs` is as in `QueryStrategy`.

    A policy that wants a validation set has an attribute `validation_size`: the number of samples of the
    pool that the oracle labels for it beforehand. Those still in use are passed to `accept`.

    A policy that makes spot checks also has the methods of `SpotChecks`.
    """

    needs: frozenset[str]

    def accept(
        self, scores: PoolScores, validation: Validation | None, generator: torch.Generator
    ) -> Accepted:
        """Return the accepted samples of the pool with their labels."""
        ...


@runtime_checkable
class SpotChecks(AutoLabelPolicy, Protocol):
    """A policy that has predictions checked before it accepts them.

    A part of each question is drawn at random from the predictions that are judged, and the question comes
    before the auto-labels.
    """

    def checked(self) -> tuple[int, int]:
        """The number of spot checks so far, and how many of these predictions were wrong."""
        ...

    def judged(self, scores: PoolScores) -> Tensor:
        """Return (P,) bool: the predictions that spot checks are drawn from."""
        ...

    def trusted(self, scores: PoolScores) -> Tensor:
        """Return (P,) bool: the judged predictions that the spot checks allow.

        Before the first spot check, these are all judged predictions.
        """
        ...

    def n_checks(self, n: int, n_judged: int, n_rest: int) -> int:
        """Return how many of n questions are spot checks.

        Args:
            n_judged: predictions that are judged. n_rest: samples that the query strategy can choose.
        """
        ...

    def learn(self, scores: PoolScores, answer_N: Tensor) -> None:
        """Take the spot checks of a round.

        Args:
            scores: of the samples, from before the answers.
            answer_N: int64, the current answers for all samples: a class, `CANNOT_TELL`, `NO_CLASS`, or
                `NO_ANSWER` without one.
        """
        ...


class Oracle(Protocol):
    """Answers questions about labels. The methods of `RememberingOracle` are optional.

    The attribute `questions_at_once` is optional too. An audit that needs that many more answers asks for
    them in one call. An oracle of people has it, because each call can mean a wait. Without it, an audit with
    `certificate.reach=true` asks ten questions at a time.
    """

    def label(self, index_Q: Tensor) -> Tensor:
        """Return (Q,) int64 answers for `index_Q` (int64): a class, `CANNOT_TELL` or `NO_CLASS`."""
        ...


@runtime_checkable
class RememberingOracle(Oracle, Protocol):
    """An oracle of people, who are asked over several processes and who change their minds.

    The data may change while a question is open, so that a strategy would select other samples. Therefore
    the oracle remembers a question, and the loop asks the same one until it is answered.
    """

    def collect(self) -> None:
        """Take in the answers that people gave since the last time.

        Raises:
            UserError: an answer cannot be read.
        """
        ...

    def begin(self, purpose: str, round: int) -> Tensor:
        """Return int64, the samples that this round has already asked about for this purpose, maybe none.

        Samples that are asked about until the next call belong to the same question.
        """
        ...

    def current(self, index: Tensor) -> Tensor:
        """Return (n,) int64, the answers to samples (int64) as they are now, -1 without an answer."""
        ...

    def known(self, round: int) -> Tensor:
        """Return int64, the answered samples that no question of this round or a later one asks about."""
        ...


@runtime_checkable
class ProposingOracle(Oracle, Protocol):
    """An oracle that may show people what the classifier predicts, to be confirmed or corrected."""

    def propose(self, scores: PoolScores, blind_Q: Tensor) -> None:
        """Take the predictions for the samples of the question that follows.

        A question without a proposal must be answered without any prediction in sight.

        Args:
            scores: predicted classes and log-odds of the question's samples.
            blind_Q: int64, the samples among them that must be answered without a prediction in sight: their
                answers measure the classifier.
        """
        ...

    def unproven(self, index: Tensor) -> Tensor:
        """Return (n,) bool: hand labels (int64) that were confirmed many at a time.

        People overlook errors among many images. A certificate therefore audits these labels with the
        auto-labels: it asks about each drawn one again, alone and without a prediction in sight. An image
        that was corrected among many was answered on its own. The answers of an audit do not change what this
        method returns for it, so that it goes on after a pause as it began.
        """
        ...


@runtime_checkable
class LooksTwice(Oracle, Protocol):
    """An oracle that looks again at images whose answer contradicts a label that is audited."""

    def second_look(self, index_D: Tensor, label_D: Tensor) -> Tensor:
        """Return (D,) int64, the answers that replace the first ones to `index_D` (int64).

        A slip in a first answer would otherwise count as a wrong label. `label_D` has the audited labels.
        """
        ...


@runtime_checkable
class TimesAnswers(Protocol):
    """An oracle that measures how long people take."""

    def answer_times(self) -> AnswerTimes | None:
        """Return the answers so far and their seconds; None if nothing was measured."""
        ...


class StoppingRule(Protocol):
    """Decides when to stop; it sees no figure that depends on the truth."""

    def reason(self, report: RoundReport) -> str | None:
        """Return why the rounds end after this one, or None to continue."""
        ...


class Evaluator(Protocol):
    """Compares labels and predictions with the truth, and returns counts only."""

    def counts(self, ledger: LabelLedger) -> Counts:
        """Return the counts and rates of a ledger; None where they depend on an unknown truth."""
        ...

    def test_accuracy(self, predicted_T: Tensor | None) -> float | None:
        """Return the accuracy on the test images in [0, 1], or None if there is no test set."""
        ...

    def class_accuracies(self, predicted_T: Tensor | None) -> tuple[float | None, ...]:
        """Return the accuracy on the test images of each class, None for a class without any."""
        ...


class Certifier(Protocol):
    """Audits auto-labels at the end of a trial and certifies how many labels are wrong at most."""

    def infeasible(self, ledger: LabelLedger, oracle: Oracle, budget: int | None) -> str | None:
        """Return one line if the allowed answers cannot be enough, or hardly can, or None."""
        ...

    def certify(
        self,
        ledger: LabelLedger,
        oracle: Oracle,
        generator: torch.Generator,
        budget: int | None,
        round: int,
    ) -> tuple[LabelLedger, Certificate]:
        """Return the ledger with the audit's answers, and the certificate.

        Args:
            ledger: final labels. oracle: answers the audit's questions. generator: draws the audit.
            budget: the most questions allowed, None for no limit. round: of the closing row.
        """
        ...


@runtime_checkable
class MendsFirst(Certifier, Protocol):
    """A certifier that has doubtful labels asked about again before its audit."""

    def doubtful(self, ledger: LabelLedger, oracle: Oracle) -> Tensor:
        """Return int64, the labels to ask about again, alone, among those that were confirmed in grids.

        Args:
            ledger: labels with the log-odds that they are right, those confirmed in grids included.
        """
        ...


class Checker(Protocol):
    """Estimates, at the end of a trial, how many auto-labels are wrong; `num` is the most it asks."""

    @property
    def num(self) -> int:
        """The most questions, 0 if the oracle is not asked."""
        ...

    def check(
        self,
        ledger: LabelLedger,
        oracle: Oracle,
        generator: torch.Generator,
        budget: int | None,
        round: int,
    ) -> tuple[LabelLedger, CheckResult | None]:
        """Return the ledger with the answers to the check, and its result; None without auto-labels.

        Args:
            ledger: final labels. oracle: answers the questions. generator: draws the sample.
            budget: the most questions allowed, None for no limit. round: of the closing row.
        """
        ...
