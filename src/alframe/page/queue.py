"""Who gets which sample of the open question next.

The order is that of the question. A sample that one person has on the screen is not given to another one for
some minutes. A set share of the samples goes to two people. Samples that were skipped come last, and those on
which people differ go to a third person or, if nobody else is there, to one of them as a decision.

Nothing here locks or reads a clock: the caller does. All answers are in the store.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from alframe.core.answer_counting import PAGE_REVIEW, counted, is_on_page, serves, votes
from alframe.oracle.answer_records import Answer
from alframe.oracle.answer_store import AnswerStore

LEASE_SECONDS = 300.0  # so long a sample belongs to the person who has it on the screen
PRESENT_SECONDS = 900.0  # so long somebody counts as present after the last request


@dataclass(frozen=True, kw_only=True)
class Item:
    """A sample to answer. `decide`: the answers of people who differ, if this answer is to decide."""

    index: int
    decide: Mapping[str, int] | None = None


class Work:
    """The samples of a question and the votes on them.

    Attributes:
        order: the samples of the question. purpose: of the question, which decides what is an answer to it.
        open: the votes by name on each sample without an answer that counts, in the question's order.
        single: the only person who has answered, for samples with an answer that counts.
    """

    def __init__(self, order: Sequence[int], *, purpose: str = "query") -> None:
        self.order, self.purpose = tuple(order), purpose
        self.open: dict[int, Mapping[str, int]] = {index: {} for index in order}
        self.single: dict[int, str] = {}
        self._rows: dict[int, list[Answer]] = {index: [] for index in order}
        self._last_read = 0

    def read(self, store: AnswerStore) -> None:
        """Take in the answers that the store got since the last time."""
        changed: dict[int, None] = {}
        for row in store.since(self._last_read):
            self._last_read = row.id
            if row.sample in self._rows:
                self._rows[row.sample].append(row)
                changed[row.sample] = None
        lost = [index for index in changed if self._judge(index)]
        if lost:
            self.open = {index: self.open[index] for index in self.order if index in self.open}

    def _judge(self, index: int) -> bool:
        """Find the state of a sample; return True if it has lost its answer."""
        rows = self._rows[index]
        found = {name: row for name, row in votes(rows).items() if serves(self.purpose, row.way)}
        counts = counted(rows)
        self.single.pop(index, None)
        if counts is None or not serves(self.purpose, counts.way):
            is_new = index not in self.open
            self.open[index] = {name: row.answer for name, row in found.items()}
            return is_new
        self.open.pop(index, None)
        if len(found) == 1 and is_on_page(counts.way) and counts.way != PAGE_REVIEW:
            [self.single[index]] = found
        return False


@dataclass
class Queue:
    """Gives out the samples of a question; in memory, so that a restart only forgets who has what.

    Attributes:
        held: who has a sample on the screen, and until when.
    """

    held: dict[int, tuple[str, float]] = field(default_factory=dict)
    _skipped: dict[str, dict[int, None]] = field(default_factory=dict)
    _seen: dict[str, float] = field(default_factory=dict)

    def next(self, work: Work, who: str, n: int, both_share: float, now: float) -> list[Item]:
        """Return up to n samples for a person, who then has them for `LEASE_SECONDS`.

        Args:
            both_share: of the samples that two people answer, in [0, 1].
            now: in seconds, of any clock that only goes forward.
        """
        self._seen[who] = now
        skipped = self._skipped.get(who, {})
        fresh = (k for k in self._open(work, who, both_share, now) if k not in skipped)
        later = (k for k in skipped if self._is_open(work, who, k, both_share, now))
        found = list(islice((Item(index=k) for k in chain(fresh, later)), n))
        found += islice(self._to_decide(work, who, now), n - len(found))
        self.hold(who, [each.index for each in found], now)
        return found

    def skip(self, who: str, index: int) -> None:
        """Put a sample at the end of a person's samples, and let others have it."""
        skipped = self._skipped.setdefault(who, {})
        skipped.pop(index, None)
        skipped[index] = None
        self.release(who, [index])

    def release(self, who: str, samples: Iterable[int]) -> None:
        """Take samples from a person who has answered them."""
        for index in samples:
            if self.held.get(index, ("", 0.0))[0] == who:
                del self.held[index]

    def left(self, work: Work, who: str, both_share: float, now: float) -> int:
        """Return how many samples a person could get now, decisions included."""
        return sum(1 for _ in self._open(work, who, both_share, now)) + sum(
            1 for _ in self._to_decide(work, who, now)
        )

    def free(self, work: Work, who: str, now: float) -> Iterator[int]:
        """Yield the samples that nobody has answered and that no other person has."""
        return (k for k, given in work.open.items() if not given and self._is_free(k, who, now))

    def has(self, work: Work, who: str, index: int) -> bool:
        """Return True if a person has a sample that nobody has answered yet."""
        is_unanswered = index in work.open and not work.open[index]
        return is_unanswered and self.held.get(index, ("", 0.0))[0] == who

    def hold(self, who: str, samples: Sequence[int], now: float) -> None:
        """Give samples to a person for `LEASE_SECONDS`."""
        for index in samples:
            self.held[index] = (who, now + LEASE_SECONDS)

    def _open(self, work: Work, who: str, both_share: float, now: float) -> Iterator[int]:
        """Yield what a person can answer: first what another has answered, then in the question's order."""
        if both_share > 0:
            for index, other in work.single.items():
                if other != who and goes_to_two(index, both_share) and self._is_free(index, who, now, other):
                    yield index
        for index, given in work.open.items():
            if who not in given and self._is_free(index, who, now, *given):
                yield index

    def _is_open(self, work: Work, who: str, index: int, both_share: float, now: float) -> bool:
        given = work.open.get(index)
        if given is not None:
            return who not in given and self._is_free(index, who, now, *given)
        other = work.single.get(index, who)
        return other != who and goes_to_two(index, both_share) and self._is_free(index, who, now, other)

    def _to_decide(self, work: Work, who: str, now: float) -> Iterator[Item]:
        """Yield the samples on which a person differs with others while no further person is present."""
        present = {name for name, at in self._seen.items() if at > now - PRESENT_SECONDS}
        for index, given in work.open.items():
            is_theirs = len(given) > 1 and who in given and present <= given.keys()
            if is_theirs and self._is_free(index, who, now):
                yield Item(index=index, decide=given)

    def _is_free(self, index: int, who: str, now: float, *answered: str) -> bool:
        """Return True unless another person, who has not answered it yet, has a sample."""
        holder, until = self.held.get(index, (who, 0.0))
        return holder == who or until <= now or holder in answered


def goes_to_two(index: int, share: float) -> bool:
    """Return True for a share of the indices, spread evenly and the same in every process.

    Multiples of the golden ratio, modulo 1, are as even as points can be that come one by one.

    >>> [goes_to_two(index, 0.25) for index in range(8)]
    [True, False, True, False, False, True, False, False]
    """
    return (index * 0.6180339887498949) % 1.0 < share
