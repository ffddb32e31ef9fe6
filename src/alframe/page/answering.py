"""Take what people answer, and what they take back or change."""

from collections.abc import Sequence, Set

from alframe.core.answer_counting import PAGE_REVIEW
from alframe.oracle.answer_records import NewAnswer
from alframe.page.assignments import Assignments
from alframe.page.desk import Desk
from alframe.page.errors import Conflict, NotFound
from alframe.page.given import SPECIAL, Given, row_of, without_repeats
from alframe.page.stores import Stores


class Answering:
    """Stores answers. Its methods are called by the threads of the server."""

    def __init__(self, desk: Desk, stores: Stores, assignments: Assignments) -> None:
        """Take the desk of a trial, its stores, and who has which sample."""
        self._desk, self._stores, self._assignments = desk, stores, assignments

    def save(self, who: str, key: str, given: Sequence[Given]) -> int:
        """Store answers and return how many; they are on the disk when this returns.

        A second person's answer that comes after the end is kept too, though labels.csv is written.

        Raises:
            NotFound: a sample was never asked about, or a class does not exist.
        """
        store = self._stores.open
        question, n_classes = self._desk.now.question, len(store.classes())
        asked: Set[int] = frozenset() if question is None else question.members
        if any(each.index not in asked for each in given):  # rare: a late answer to an earlier question
            asked = store.asked() | store.answers().keys()
        for each in given:
            if each.index not in asked:
                raise NotFound(f"The trial has not asked about image {each.index}.")
            if isinstance(each.answer, int) and not 0 <= each.answer < n_classes:
                raise NotFound(f"There is no class {each.answer}.")
        n = 0
        for number, part in enumerate(without_repeats(given)):  # in their order
            n += store.add([row_of(each) for each in part], who=who, key=f"{key}-{number}" if number else key)
        self._assignments.release(who, [each.index for each in given])
        self._desk.change()
        return n

    def undo(self, who: str, key: str | None) -> list[int]:
        """Take back the newest request of a person and return its samples.

        Raises:
            Conflict: the trial has ended.
        """
        self._check_not_ended()
        store = self._stores.found
        undone = [] if store is None else store.undo(who, key)
        self._desk.change()
        return undone

    def review(
        self, who: str, key: str | None, index: int, answer: int | str, seconds: float | None = None
    ) -> None:
        """Change the answer to a sample, or decide between people; it is on the disk when this returns.

        Args:
            seconds: that a decision took, None if not measured.

        Raises:
            NotFound: the sample or the class does not exist. Conflict: the trial has ended.
        """
        self._check_not_ended()
        now, store = self._desk.now, self._stores.open
        if now.dataset is None or not 0 <= index < len(now.dataset):
            raise NotFound(f"There is no image {index}.")
        if isinstance(answer, int) and not 0 <= answer < len(store.classes()):
            raise NotFound(f"There is no class {answer}.")
        number = SPECIAL[answer] if isinstance(answer, str) else answer
        review = NewAnswer(sample=index, answer=number, way=PAGE_REVIEW, seconds=seconds)
        store.add([review], who=who, key=key)
        self._assignments.release(who, [index])
        self._desk.change()

    def _check_not_ended(self) -> None:
        if self._desk.now.stage == "finished":
            raise Conflict(
                "The trial has ended and its labels are written. alframe-audit changes them: its command is "
                "on the page Result."
            )
