"""A page with an open question and no trial behind it, for tests of the server."""

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from alframe.data import ImageDataset
from alframe.data.identity import content_digest
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.sample_matching import Image, match
from alframe.page.desk import Desk, Options, Question
from alframe.page.routes import app
from alframe.page.server import PageServer
from alframe.page.service import Service
from alframe.page.settings import PageSettings
from tests.support.page_client import PageClient

NAMES = ("cat", "dog", "emu")
IMAGES = torch.arange(12 * 8 * 8, dtype=torch.int64).remainder(251).to(torch.uint8).view(12, 1, 8, 8)
SETTINGS: dict[str, Any] = {
    "host": "127.0.0.1",
    "port": 0,
    "open": False,
    "token": None,
    "suggestions": "after",
    "grid": 60,
    "both_share": 0.0,
}
OPTIONS = Options(suggestions="after", both_share=0.0, grid=60)


def arrays() -> ImageDataset:
    """Return twelve small images of three classes."""
    return ImageDataset.from_arrays("mine", IMAGES, class_names=NAMES)


def store_of(directory: Path, dataset: ImageDataset, order: list[int], purpose: str = "seed") -> None:
    """Write the store of a trial that has asked about some samples."""

    def image(index: int) -> Image:
        digest = partial(content_digest, dataset, index)
        name = None if dataset.files_N is None else dataset.files_N[index]
        return Image(name=name, size=None, mtime_ns=None, ctime_ns=None, digest=digest)

    with AnswerStore(directory) as store:
        store.add_classes(dataset.class_names)
        store.put_samples(match([], [image(index) for index in range(len(dataset))]).samples)
        store.put_digests({index: content_digest(dataset, index) for index in order})
        store.put_question(purpose, 0, order)


class Served:
    """A server at work, its desk, and what it has printed."""

    def __init__(self, directory: Path, dataset: ImageDataset | None = None, **settings: Any) -> None:
        self.lines: list[str] = []
        self.dataset = dataset or arrays()
        self.server = PageServer(directory, PageSettings(**{**SETTINGS, **settings}), self.lines.append)
        self.desk = Desk(OPTIONS)
        self.service = Service(
            self.desk,
            directory,
            self.server.memory.id,
            finish=self.server.finish_wanted.set,
            report=lambda: b"<script>report</script>",
        )
        self.desk.attach(self.dataset)
        self.server.start(app(self.service, self.server.guard, self.server.admitted))

    @property
    def port(self) -> int:
        """The port of the server."""
        return self.server.memory.port

    def client(self, who: str = "ann") -> PageClient:
        """Return a browser that is let in."""
        client = PageClient(self.port, who)
        assert client.enter(self.server.address) == 303
        client.state()
        return client

    def ask(self, order: list[int], purpose: str = "seed", **more: Any) -> None:
        """Put a question."""
        with AnswerStore(self.service.directory) as store:
            if not store.question(purpose, 0):
                store.put_question(purpose, 0, order)
        self.desk.put(Question(purpose=purpose, round=0, order=tuple(order), n_wanted=len(order), **more))


@contextlib.contextmanager
def served(directory: Path, order: tuple[int, ...] = (3, 1, 2, 7), **settings: Any) -> Iterator[Served]:
    """Serve a page with an open question while the block runs."""
    if not (directory / "answers.sqlite").exists():
        store_of(directory, settings.get("dataset") or arrays(), list(order))
    page = Served(directory, **settings)
    page.ask(list(order))
    try:
        yield page
    finally:
        page.service.close()
        page.server.stop()
