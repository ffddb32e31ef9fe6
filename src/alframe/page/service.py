"""What the page can ask for and tell, for one trial: the work behind the routes."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from alframe.core.answer_counting import PAGE_REVIEW
from alframe.core.answer_times import Pace
from alframe.core.errors import UserError
from alframe.core.file_names import ANSWER_STORE
from alframe.data import ImageDataset
from alframe.exchange.export import FORMATS, ExportRequest, export
from alframe.oracle.answer_records import NewAnswer
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.class_names import check_class_names, class_of_name
from alframe.page.agreement import people
from alframe.page.desk import OPTIONS, Desk, Now, Options, Question
from alframe.page.equal_images import equal_images
from alframe.page.gallery import Wanted, history, view_of
from alframe.page.given import SPECIAL, Given, row_of, without_repeats
from alframe.page.grids import Grids
from alframe.page.pace import USUAL, grid_errors, overlooked_share, pace_of
from alframe.page.pictures import Pictures
from alframe.page.queue import Item, Queue, Work
from alframe.page.state import state_of
from alframe.page.views import forecast_of, gallery_of

_PACE_SECONDS = 5.0


class NotFound(UserError):
    """There is no such thing in this trial."""


class Conflict(UserError):
    """That cannot be done at present."""


@dataclass(frozen=True, kw_only=True)
class SetupForm:
    """The set-up page: what it shows, and what takes the classes, the tolerance wanted and a name."""

    shown: Mapping[str, Any]
    take: Callable[[Sequence[str], float | None, str], None]


class Service:
    """The page's view of a trial. Its methods are called by the threads of the server."""

    def __init__(
        self,
        desk: Desk,
        directory: Path,
        trial_id: str,
        *,
        finish: Callable[[], None],
        report: Callable[[], bytes],
    ) -> None:
        """Take the desk of a trial, its directory and its id.

        Args:
            finish: ends the server, after the trial. report: returns the trial's report page.
        """
        self.desk, self.directory, self.trial_id = desk, directory, trial_id
        self._finish, self._report = finish, report
        self._lock = threading.RLock()
        self._here = threading.local()
        self._pictures: tuple[ImageDataset, Pictures] | None = None
        self._queue = Queue()
        self._grids = Grids(self._queue)
        self._work: tuple[Question, Work] | None = None
        self._form: SetupForm | None = None
        self._paces: dict[str, tuple[float, Pace]] = {}
        self._exporting, self._looking = threading.Lock(), threading.Lock()
        self._groups: tuple[ImageDataset, Mapping[int, int]] | None = None  # of equal images

    # --- the store of answers

    @property
    def store(self) -> AnswerStore | None:
        """The store of answers, one connection for each thread; None before anything was asked."""
        store: AnswerStore | None = getattr(self._here, "store", None)
        if store is None and (self.directory / ANSWER_STORE).exists():
            store = self._here.store = AnswerStore(self.directory)
        return store

    def _the_store(self) -> AnswerStore:
        store = self.store
        if store is None:
            raise Conflict("The trial has asked for nothing yet.")
        return store

    def class_names(self, now: Now) -> list[str]:
        """Return the names of all classes, those that were just added included."""
        store = self.store
        names = store.classes() if store is not None else []
        known = [] if now.dataset is None else list(now.dataset.class_names)
        return names if len(names) > len(known) else known

    # --- what is to be answered

    def question(self) -> tuple[Question, Work] | None:
        """Return the open question and what is left of it; None if people have nothing to answer."""
        question, store = self.desk.now.question, self.store
        if question is None or store is None:
            return None
        with self._lock:
            if self._work is None or self._work[0] is not question:  # an audit adds samples to its question
                order = store.question(question.purpose, question.round)
                self._work = (question, Work(order, purpose=question.purpose))
            work = self._work[1]
            work.read(store)
        return question, work

    def next(self, who: str, n: int) -> list[dict[str, Any]]:
        """Return the next n samples for a person to answer one at a time."""
        found, options = self.question(), self.desk.now.options
        if found is None:
            return []
        question, work = found
        with self._lock:
            items = self._queue.next(work, who, n, options.both_share, time.monotonic())
        self.pictures().ahead([item.index for item in items], "large")
        return [_item(question, item) for item in items]

    def grid(self, who: str) -> dict[str, Any]:
        """Return a grid of one predicted class for a person, or one without items."""
        found, options = self.question(), self.desk.now.options
        grid = None
        if found is not None and options.grid:
            question, work = found
            with self._lock:
                grid = self._grids.next(
                    work,
                    who,
                    question.predicted,
                    question.blind,
                    options.grid,
                    time.monotonic(),
                    self._pace(who),
                )
        if grid is None:
            return {"id": None, "class": None, "items": []}
        self.pictures().ahead(grid.indices, "small")
        return {"id": grid.id, "class": grid.number, "items": [{"index": index} for index in grid.indices]}

    def left(self, who: str) -> dict[str, int]:
        """Return how much of the open question is left: in all, for a person, in grids, and blind."""
        found, options = self.question(), self.desk.now.options
        if found is None:
            return {"open": 0, "left_for_you": 0, "n_grid": 0, "n_single": 0, "blind": 0}
        question, work = found
        now = time.monotonic()
        with self._lock:
            mine = self._queue.left(work, who, options.both_share, now)
            in_grids = (
                self._grids.n_left(work, who, question.predicted, question.blind, now, self._pace(who))
                if options.grid
                else 0
            )
        return {
            "open": len(work.open),
            "left_for_you": mine,
            "n_grid": in_grids,
            "n_single": max(0, mine - in_grids),
            "blind": sum(question.is_blind(index) for index in question.order),
        }

    def _pace(self, who: str) -> Pace:
        """Return the pace of a person, found anew every few seconds."""
        until, pace = self._paces.get(who, (0.0, USUAL))
        if until < time.monotonic():
            store = self._the_store()
            rows = list(chain.from_iterable(store.rows().values()))
            pace = pace_of(store, who, overlooked_share(rows, grid_errors(rows)))
            self._paces[who] = time.monotonic() + _PACE_SECONDS, pace
        return pace

    # --- what people tell

    def save(self, who: str, key: str, given: Sequence[Given]) -> int:
        """Store answers and return how many; they are on the disk when this returns.

        Raises:
            NotFound: a sample was never asked about, or a class does not exist.
        """
        store = self._the_store()
        question, n_classes = self.desk.now.question, len(store.classes())
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
        with self._lock:
            self._queue.release(who, [each.index for each in given])
        self.desk.change()
        return n

    def undo(self, who: str, key: str | None) -> list[int]:
        """Take back the newest request of a person and return its samples.

        Raises:
            Conflict: the trial has ended.
        """
        self._check_not_ended()
        store = self.store
        undone = [] if store is None else store.undo(who, key)
        self.desk.change()
        return undone

    def skip(self, who: str, index: int) -> None:
        """Show a sample to a person after all others."""
        with self._lock:
            self._queue.skip(who, index)

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
        now, store = self.desk.now, self._the_store()
        if now.dataset is None or not 0 <= index < len(now.dataset):
            raise NotFound(f"There is no image {index}.")
        if isinstance(answer, int) and not 0 <= answer < len(store.classes()):
            raise NotFound(f"There is no class {answer}.")
        number = SPECIAL[answer] if isinstance(answer, str) else answer
        review = NewAnswer(sample=index, answer=number, way=PAGE_REVIEW, seconds=seconds)
        store.add([review], who=who, key=key)
        with self._lock:
            self._queue.release(who, [index])
        self.desk.change()

    def _check_not_ended(self) -> None:
        if self.desk.now.stage == "finished":
            raise Conflict(
                "The trial has ended and its labels are written. alframe-audit checks and mends labels after "
                "the end."
            )

    def add_class(self, name: str) -> int:
        """Add a class and return its number; the number of a class that has this name already.

        Raises:
            UserError: the name is none, or looks like another one. Conflict: nothing was asked yet.
        """
        store = self._the_store()
        with self._lock:
            names = store.classes()
            known = class_of_name(name, names)
            if known is not None:
                return known
            check_class_names([*names, name])
            store.add_classes([name])
        self.desk.change()
        return len(names)

    def set_options(self, options: Options) -> None:
        """Set what people may set on the page."""
        store = self.store
        if store is not None:
            store.put_meta(OPTIONS, json.dumps(asdict(options)))
        self.desk.change(options=options)

    # --- what is there

    def state(self, who: str) -> dict[str, Any]:
        """Return the state of the trial for a person."""
        now, store, left = self.desk.now, self.store, self.left(who)
        state = state_of(
            now,
            trial_id=self.trial_id,
            class_names=self.class_names(now),
            left=left,
            people=[] if store is None else store.people(),
        )
        found = None if store is None else forecast_of(now, store, left, self._pace(who))
        ended = now.stage in ("finished", "failed")
        return {**state, "forecast": found, "formats": list(FORMATS), "report": ended}

    def gallery(
        self, *, view: str, of_class: int | None, source: str, offset: int, limit: int
    ) -> dict[str, Any]:
        """Return a part of the labels, as GET /api/gallery."""
        wanted = Wanted(view=view_of(view), number=of_class, source=source, offset=offset, limit=limit)
        store, found = self.store, self.question()
        if store is None:
            return {"total": 0, "items": []}
        hidden = found[1].open.keys() if found is not None else ()
        group_of = self._equal_images() if wanted.view == "duplicates" else {}
        return gallery_of(self.desk.now, store, wanted, hidden, group_of)

    def _equal_images(self) -> Mapping[int, int]:
        """Return the groups of equal images; they are looked for once, when somebody wants to see them."""
        dataset = self.desk.now.dataset
        if dataset is None:
            return {}
        with self._looking:
            if self._groups is None or self._groups[0] is not dataset:
                self._groups = (dataset, equal_images(dataset))
            return self._groups[1]

    def history(self, index: int) -> list[dict[str, Any]]:
        """Return all answers to a sample, in the order of time."""
        return history(() if self.store is None else self.store.rows_of(index))

    def people(self) -> dict[str, Any]:
        """Return who has answered how much and how well people agree, as GET /api/people."""
        return people({} if self.store is None else self.store.rows())

    def export(self, to: str) -> dict[str, Any]:
        """Export the labels into the trial's directory."""
        if to not in FORMATS:
            raise NotFound(f"There is no such format: {', '.join(FORMATS)} exist.")
        with self._exporting:
            labels, folder, notes = export(ExportRequest(directory=self.directory, to=to, overwrite=True))
        return {"where": str(folder), "files": len(labels.rows), "notes": notes}

    def report(self) -> bytes:
        """Return the report page of the trial.

        Raises:
            Conflict: the trial has not ended.
        """
        if self.desk.now.stage not in ("finished", "failed"):
            raise Conflict("There is a report when the trial has ended.")
        return self._report()

    def finish(self) -> None:
        """End the server.

        Raises:
            Conflict: the trial has not ended.
        """
        if self.desk.now.stage not in ("finished", "failed"):
            raise Conflict("The trial has not ended. Ctrl-C in the terminal stops it; nothing is lost.")
        self._finish()

    def ask_set_up(self, form: SetupForm | None) -> None:
        """Show the set-up page, or no more if `form` is None."""
        self._form = form

    def setup(self) -> Mapping[str, Any]:
        """Return what the set-up page shows, as GET /api/setup.

        Raises:
            Conflict: the trial is set up.
        """
        if self._form is None:
            raise Conflict("The trial is set up.")
        return self._form.shown

    def set_up(self, *, classes: Sequence[str], tolerance: float | None, who: str) -> None:
        """Take what was answered on the set-up page.

        Raises:
            UserError: it cannot be used. Conflict: the trial is set up.
        """
        form = self._form
        if form is None:
            raise Conflict("The trial is set up.")
        form.take(classes, tolerance, who)
        self.ask_set_up(None)
        self.desk.work("reading")

    # --- pictures

    def pictures(self) -> Pictures:
        """Return what draws the pictures of the present data.

        Raises:
            Conflict: the data are not read yet.
        """
        dataset = self.desk.now.dataset
        if dataset is None:
            raise Conflict("The images are being read.")
        with self._lock:
            before = self._pictures
            pictures = before[1] if before is not None and before[0] is dataset else None
            if pictures is None:
                pictures = Pictures(dataset, self._digest_of)
                self._pictures = (dataset, pictures)
        if before is not None and before[1] is not pictures:  # not under the lock, which drawing may need
            before[1].close()
        return pictures

    def _digest_of(self, index: int) -> str | None:
        """Return the digest of an image when people were asked about it, None if they were not."""
        store = self.store
        return None if store is None else store.digest(index)

    def close(self) -> None:
        """Draw nothing more."""
        if self._pictures is not None:
            self._pictures[1].close()


def _item(question: Question, item: Item) -> dict[str, Any]:
    decide = item.decide or question.choices.get(item.index)
    return {
        "index": item.index,
        "blind": question.is_blind(item.index),
        "suggestion": _suggestion(question, item.index),
        **({"decide": dict(decide)} if decide else {}),
    }


def _suggestion(question: Question, index: int) -> dict[str, Any] | None:
    if question.is_blind(index):
        return None
    number, confidence = question.predicted[index]
    return {"class": number, "confidence": confidence}
