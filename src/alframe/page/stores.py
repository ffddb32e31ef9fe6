"""The store of answers of a trial, for the threads of the server."""

import threading
from pathlib import Path

from alframe.core.file_names import ANSWER_STORE
from alframe.oracle.answer_store import AnswerStore
from alframe.page.errors import Conflict


class Stores:
    """The store of a trial's answers, with one connection for each thread."""

    def __init__(self, directory: Path) -> None:
        """Take the directory of the trial."""
        self._directory = directory
        self._here = threading.local()
        self._seen: AnswerStore | None = None  # of any thread

    @property
    def found(self) -> AnswerStore | None:
        """The store, None before anything was asked.

        Raises:
            TrialError: it is no longer there.
        """
        if self._seen is not None:
            self._seen.check_there()
        store: AnswerStore | None = getattr(self._here, "store", None)
        if store is None and (self._directory / ANSWER_STORE).exists():
            store = self._here.store = self._seen = AnswerStore(self._directory)
        return store

    @property
    def open(self) -> AnswerStore:
        """The store.

        Raises:
            Conflict: nothing was asked yet. TrialError: it is no longer there.
        """
        store = self.found
        if store is None:
            raise Conflict("The trial has asked for nothing yet.")
        return store
