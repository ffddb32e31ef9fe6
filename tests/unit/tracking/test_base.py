import pytest

from alframe.tracking.base import Trackers


class Recorder:
    def __init__(self, calls, name, fails_at=()):
        self.calls, self.name, self.fails_at = calls, name, fails_at

    def _record(self, what, argument):
        self.calls.append((self.name, what, argument))
        if what in self.fails_at:
            raise RuntimeError(f"{self.name} failed at {what}")

    def start(self, info):
        self._record("start", info)

    def log(self, report):
        self._record("log", report)

    def finish(self, outcome):
        self._record("finish", outcome)


def test_each_tracker_is_called_in_order():
    calls = []
    trackers = Trackers([Recorder(calls, "a"), Recorder(calls, "b")])
    trackers.start(1)
    trackers.log(2)
    trackers.finish(3)
    assert calls == [
        (n, what, x) for what, x in (("start", 1), ("log", 2), ("finish", 3)) for n in ("a", "b")
    ]


def test_only_trackers_that_started_are_closed():
    calls = []
    trackers = Trackers([Recorder(calls, "a"), Recorder(calls, "b", ["start"]), Recorder(calls, "c")])
    with pytest.raises(RuntimeError, match="b failed at start"):
        trackers.start(1)
    trackers.finish(3)
    assert calls == [("a", "start", 1), ("b", "start", 1), ("a", "finish", 3)]


@pytest.mark.parametrize("failing", ["a", "b"])
def test_every_tracker_is_closed_when_one_fails_at_it(failing):
    calls = []
    trackers = Trackers([Recorder(calls, name, ["finish"] if name == failing else []) for name in ("a", "b")])
    trackers.start(1)
    with pytest.raises(RuntimeError, match=f"{failing} failed at finish"):
        trackers.finish(3)
    assert calls[2:] == [("a", "finish", 3), ("b", "finish", 3)]


def test_trackers_are_closed_once():
    calls = []
    trackers = Trackers([Recorder(calls, "a")])
    trackers.start(1)
    trackers.finish(3)
    trackers.finish(3)
    assert calls.count(("a", "finish", 3)) == 1
