"""A server with the HTTP interface of the labelling page and a trial in memory that a test drives.

It starts in milliseconds, trains when a test says so, and lets a test look at each answer. The tests of the
whole way run against the product itself.
"""

import io
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bottle
from waitress.server import create_server

import alframe
from tests.browser.fruit import KINDS, draw

logging.getLogger("waitress").setLevel(logging.ERROR)
STATIC = Path(alframe.__file__).parent / "page" / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass
class FakeTrial:
    """A trial with one question at a time: images `grid` (taken for one class) and `single`."""

    n: int = 60
    stage: str = "labelling"
    classes: list[str] = field(default_factory=lambda: list(KINDS))
    grid: list[int] = field(default_factory=list)
    grid_class: int = 0
    single: list[int] = field(default_factory=list)
    suggest: bool = True
    purpose: str = "query"
    options: dict[str, Any] = field(
        default_factory=lambda: {"suggestions": "before", "both_share": 0.0, "grid": 60}
    )
    training: dict[str, Any] | None = None
    summary: dict[str, Any] | None = None
    forecast: dict[str, Any] | None = None
    folder: str = "fruit"
    left_out: list[dict[str, Any]] = field(default_factory=list)
    people_reply: dict[str, Any] | None = None
    id: str = "trial-1"
    side: int = 320
    # What came in
    rows: list[dict[str, Any]] = field(default_factory=list)
    requests: dict[str, list[int]] = field(default_factory=dict)
    skipped: list[int] = field(default_factory=list)
    exports: list[str] = field(default_factory=list)
    setup: dict[str, Any] | None = None
    subfolders: list[str] = field(default_factory=list)
    finished: bool = False
    after_last: Callable[["FakeTrial"], None] | None = None

    @property
    def label(self) -> dict[int, Any]:
        """The newest answer of each image that is not taken back."""
        found = {row["index"]: row["answer"] for row in self.rows if not row.get("undone")}
        return dict(found)

    def open(self, indices: Iterable[int]) -> list[int]:
        """Those without an answer, skipped ones last."""
        left = [index for index in indices if index not in self.label]
        return sorted(left, key=lambda index: index in self.skipped)

    def state(self, who: str) -> dict[str, Any]:
        """GET /api/state."""
        grid, single = self.open(self.grid), self.open(self.single)
        asked = [*self.grid, *self.single]
        if self.stage == "labelling" and asked and not grid and not single and self.after_last:
            after, self.after_last = self.after_last, None
            after(self)
            return self.state(who)
        question = {
            "id": f"{self.purpose}-{len(asked)}", "purpose": self.purpose, "round": 2, "wanted": len(asked),
            "answered": len(asked) - len(grid) - len(single), "left_for_you": len(grid) + len(single),
            "n_grid": len(grid), "n_single": len(single), "blind": 0,
        }  # fmt: skip
        return {
            "version": len(self.rows),
            "csrf": "fake",
            "stage": self.stage,
            "message": "The disk is full." if self.stage == "failed" else "",
            "trial": {"id": self.id, "name": self.folder, "data": self.folder, "n_samples": self.n},
            "classes": [{"number": number, "name": name} for number, name in enumerate(self.classes)],
            "question": question if self.stage == "labelling" else None,
            "training": self.training if self.stage == "training" else None,
            "forecast": self.forecast,
            "people": sorted({row["who"] for row in self.rows}),
            "options": self.options,
            "summary": self.summary,
            "formats": ["imagefolder", "csv", "parquet", "label-studio", "huggingface"],
            "report": True,
        }

    def truth(self, index: int) -> int:
        """The kind of the picture."""
        return index % len(KINDS)

    def predicted(self, index: int) -> tuple[int, float]:
        """What the classifier says: the truth, but for one image in eight."""
        wrong = index % 8 == 5
        return (self.truth(index) + wrong) % len(KINDS), 0.55 if wrong else 0.97 - 0.01 * (index % 20)

    def take(self, body: dict[str, Any]) -> int:
        """POST /api/answers: a repeated key adds nothing."""
        if body["key"] in self.requests:
            return 0
        rows = [{**each, "who": body["who"], "key": body["key"]} for each in body["answers"]]
        self.rows += rows
        self.requests[body["key"]] = [row["index"] for row in rows]
        return len(rows)

    def undo(self, body: dict[str, Any]) -> list[int]:
        """POST /api/undo: takes back the newest request of a person."""
        if body["key"] not in self.requests:
            mine = [row for row in self.rows if row["who"] == body["who"] and not row.get("undone")]
            taken = [row for row in mine if row["key"] == mine[-1]["key"]]
            for row in taken:
                row["undone"] = True
            self.requests[body["key"]] = list(dict.fromkeys(row["index"] for row in taken))
        return self.requests[body["key"]]


def application(trial: FakeTrial) -> bottle.Bottle:
    """The routes over a trial."""
    app = bottle.Bottle()
    pictures: dict[tuple[int, str], bytes] = {}

    @app.hook("after_request")
    def guard() -> None:
        bottle.response.set_header("Content-Security-Policy", POLICY)

    @app.get("/")
    def page() -> Any:
        return bottle.static_file("index.html", root=STATIC)

    @app.get("/static/<name>")
    def static(name: str) -> Any:
        return bottle.static_file(name, root=STATIC)

    @app.get("/image/<index:int>/<size>")
    def image(index: int, size: str) -> bytes:
        if (index, size) not in pictures:
            side = {"small": 160, "large": min(1600, trial.side), "full": trial.side}[size]
            written = io.BytesIO()
            draw(KINDS[trial.truth(index)], index, min(side, 640)).resize((side, side)).save(written, "JPEG")
            pictures[index, size] = written.getvalue()
        bottle.response.content_type = "image/jpeg"
        bottle.response.set_header("Cache-Control", "private, max-age=31536000, immutable")
        return pictures[index, size]

    @app.get("/api/state")
    def state() -> Any:
        return trial.state(bottle.request.query.who)

    @app.get("/api/next")
    def following() -> Any:
        n = int(bottle.request.query.n)
        return {"items": [item(index) for index in trial.open(trial.single)[:n]]}

    def item(index: int) -> dict[str, Any]:
        number, confidence = trial.predicted(index)
        suggestion = {"class": number, "confidence": confidence} if trial.suggest else None
        return {"index": index, "blind": not trial.suggest, "suggestion": suggestion,
                "width": trial.side, "height": trial.side}  # fmt: skip

    @app.get("/api/grid")
    def grid() -> Any:
        left = trial.open(trial.grid)[: trial.options["grid"]]
        return {"id": "grid-1" if left else None, "class": trial.grid_class,
                "items": [{"index": index} for index in left]}  # fmt: skip

    @app.get("/api/gallery")
    def gallery() -> Any:
        query = bottle.request.query
        rows = [
            {"index": index, "label": label if isinstance(label, int) else -2, "source": "query",
             "confidence": None, "predicted": trial.predicted(index)[0], "who": "Ada", "round": 1,
             "changed": False}
            for index, label in trial.label.items()
        ] + [
            {"index": index, "label": trial.predicted(index)[0], "source": "auto",
             "confidence": trial.predicted(index)[1], "predicted": trial.predicted(index)[0], "who": None,
             "round": 2, "changed": False}
            for index in range(trial.n) if index not in trial.label
        ]  # fmt: skip
        rows = [row for row in rows if query.get("class", "") in ("", str(row["label"]))]
        if query.view == "doubtful":
            rows = sorted(
                (row for row in rows if row["source"] == "auto"), key=lambda row: row["confidence"]
            )[:12]
        if query.view == "disagreement":
            rows = [row for row in rows if row["label"] != row["predicted"]]
        if query.view == "duplicates":
            rows = []
        first = int(query.get("offset", 0))
        return {"total": len(rows), "items": rows[first : first + int(query.limit)]}

    @app.get("/api/history/<index:int>")
    def history(index: int) -> Any:
        mine = [row for row in trial.rows if row["index"] == index]
        return {"rows": [{"who": row["who"], "at": "2026-11-28T10:00:00+00:00", "answer": row["answer"],
                          "way": row.get("way", "page")} for row in mine]}  # fmt: skip

    @app.get("/api/people")
    def people() -> Any:
        names = sorted({row["who"] for row in trial.rows})
        told = [{"name": name, "answers": sum(row["who"] == name for row in trial.rows),
                 "median_seconds": 1.4,                 "grids": 0} for name in names]  # fmt: skip
        return trial.people_reply or {"people": told, "pairs": 0, "kappa": None, "by_class": [], "differ": []}

    @app.get("/api/setup")
    def setup() -> Any:
        return {"folder": f"/home/ada/{trial.folder}", "n_images": trial.n, "left_out": trial.left_out,
                "classes": trial.subfolders, "samples": list(range(8)),
                "proofs": [{"tolerance": 0.05, "answers": 87}]}  # fmt: skip

    def posted() -> Any:
        if bottle.request.get_header("X-Alframe-CSRF") != "fake":
            bottle.abort(403)
        return bottle.request.json

    @app.post("/api/answers")
    def answers() -> Any:
        body = posted()
        assert body["trial"] == trial.id
        return {"saved": trial.take(body), "version": len(trial.rows)}

    @app.post("/api/undo")
    def undo() -> Any:
        indices = trial.undo(posted())
        return {"index": indices[0] if indices else None, "indices": indices}

    @app.post("/api/skip")
    def skip() -> Any:
        trial.skipped.append(posted()["index"])
        return {}

    @app.post("/api/classes")
    def classes() -> Any:
        trial.classes.append(posted()["name"])
        return {"number": len(trial.classes) - 1}

    @app.post("/api/options")
    def options() -> Any:
        body = posted()
        trial.options = {name: body[name] for name in ("suggestions", "both_share", "grid")}
        return {}

    @app.post("/api/review")
    def review() -> Any:
        body = posted()
        trial.take(
            {**body, "answers": [{"index": body["index"], "answer": body["answer"], "way": "page review"}]}
        )
        return {}

    @app.post("/api/setup")
    def set_up() -> Any:
        trial.setup = posted()
        trial.classes, trial.stage = list(trial.setup["classes"]), "labelling"
        return {}

    @app.post("/api/export")
    def export() -> Any:
        trial.exports.append(posted()["to"])
        return {"where": f"/home/ada/{trial.folder}_labels/{trial.exports[-1]}", "files": trial.n}

    @app.post("/api/finish")
    def finish() -> Any:
        trial.finished = bool(posted())
        return {}

    return app


class FakeServer:
    """Serves a trial from a thread; can be stopped, and started again on its port."""

    def __init__(self, trial: FakeTrial) -> None:
        self.trial, self.port = trial, 0
        self.start()

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Serve, on the port of before."""
        self._server = create_server(application(self.trial), host="127.0.0.1", port=self.port, threads=8)
        self.port = self._server.effective_port
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._server.run()
        except OSError:  # the socket was closed under it
            return

    def stop(self) -> None:
        """Drop all connections, as a process that was killed."""
        self._server.close()
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
        self._server.task_dispatcher.shutdown(timeout=1)
        self._thread.join(timeout=2)
        time.sleep(0.05)
