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

    @property
    def found(self) -> AnswerStore | None:
        """The store, None before anything was asked."""
        store: AnswerStore | None = getattr(self._here, "store", None)
        if store is None and (self._directory / ANSWER_STORE).exists():
            store = self._here.store = AnswerStore(self._directory)
        return store

    @property
    def open(self) -> AnswerStore:
        """The store.

        Raises:
            Conflict: nothing was asked yet.
        """
        store = self.found
        if store is None:
            raise Conflict("The trial has asked for nothing yet.")
        return store
