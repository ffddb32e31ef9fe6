"""What the page can ask for and tell, for one trial: the work behind the routes."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alframe.data import ImageDataset
from alframe.exchange.export import FORMATS, ExportRequest, export
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.class_names import check_class_names, class_of_name
from alframe.page.agreement import people
from alframe.page.answering import Answering
from alframe.page.assignments import Assignments, item_json
from alframe.page.current_pictures import CurrentPictures
from alframe.page.desk import OPTIONS, Desk, Now, Options
from alframe.page.equal_images import equal_images
from alframe.page.errors import Conflict, NotFound
from alframe.page.gallery import Wanted, history, view_of
from alframe.page.pictures import Pictures
from alframe.page.result import audit_result, result_of
from alframe.page.state import state_of
from alframe.page.stores import Stores
from alframe.page.views import forecast_of, gallery_of


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
        self._stores = Stores(directory)
        self._assignments = Assignments(desk, self._stores)
        self.answering = Answering(desk, self._stores, self._assignments)
        self._pictures = CurrentPictures(desk, self._digest_of)
        self._form: SetupForm | None = None
        self._naming, self._exporting, self._looking = threading.Lock(), threading.Lock(), threading.Lock()
        self._groups: tuple[ImageDataset, Mapping[int, int]] | None = None  # of equal images

    # --- the store of answers

    @property
    def store(self) -> AnswerStore | None:
        """The store of answers, one connection for each thread; None before anything was asked."""
        return self._stores.found

    def class_names(self, now: Now) -> list[str]:
        """Return the names of all classes, those that were just added included."""
        store = self.store
        names = store.classes() if store is not None else []
        known = [] if now.dataset is None else list(now.dataset.class_names)
        return names if len(names) > len(known) else known

    # --- what is to be answered

    def next(self, who: str, n: int) -> list[dict[str, Any]]:
        """Return the next n samples for a person to answer one at a time."""
        question, items = self._assignments.next(who, n)
        if question is None:
            return []
        self.pictures().ahead([item.index for item in items], "large")
        return [item_json(question, item) for item in items]

    def grid(self, who: str) -> dict[str, Any]:
        """Return a grid of one predicted class for a person, or one without items."""
        grid = self._assignments.grid(who)
        if grid is None:
            return {"id": None, "class": None, "items": []}
        self.pictures().ahead(grid.indices, "small")
        return {"id": grid.id, "class": grid.number, "items": [{"index": index} for index in grid.indices]}

    def skip(self, who: str, index: int) -> None:
        """Show a sample to a person after all others."""
        self._assignments.skip(who, index)

    # --- what people set

    def add_class(self, name: str) -> int:
        """Add a class and return its number; the number of a class that has this name already.

        Raises:
            UserError: the name is none, or looks like another one. Conflict: nothing was asked yet.
        """
        store = self._stores.open
        with self._naming:
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
        now, store, left = self.desk.now, self.store, self._assignments.left(who)
        state = state_of(
            now,
            trial_id=self.trial_id,
            class_names=self.class_names(now),
            left=left,
            people=[] if store is None else store.people(),
            summary=self._summary(now),
        )
        found = None if store is None else forecast_of(now, store, left, self._assignments.pace(who))
        ended = now.stage in ("finished", "failed")
        return {**state, "forecast": found, "formats": list(FORMATS), "report": ended}

    def _summary(self, now: Now) -> Mapping[str, Any] | None:
        if now.audit is not None and now.audit.sentences:
            return audit_result(now.audit.sentences, self.directory)
        config = None if now.info is None else now.info.config
        return None if now.summary is None else result_of(now.summary, self.directory, config)

    def gallery(
        self, *, view: str, of_class: int | None, source: str, offset: int, limit: int
    ) -> dict[str, Any]:
        """Return a part of the labels, as GET /api/gallery."""
        wanted = Wanted(view=view_of(view), number=of_class, source=source, offset=offset, limit=limit)
        store, found = self.store, self._assignments.question()
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
        rows = {} if self.store is None else self.store.rows()
        return people(rows, self.desk.now.options.both_share)

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
        with self._naming:
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
        return self._pictures.open

    def _digest_of(self, index: int) -> str | None:
        """Return the digest of an image when people were asked about it, None if they were not."""
        store = self.store
        return None if store is None else store.digest(index)

    def close(self) -> None:
        """Draw nothing more."""
        self._pictures.close()
