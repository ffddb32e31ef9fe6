import pytest

from alframe.tracking.base import Trackers


class Told:
    def __init__(self, told, name, fails_at=()):
        self.told, self.name, self.fails_at = told, name, fails_at

    def _take(self, what, argument):
        self.told.append((self.name, what, argument))
        if what in self.fails_at:
            raise RuntimeError(f"{self.name} failed at {what}")

    def start(self, info):
        self._take("start", info)

    def log(self, report):
        self._take("log", report)

    def finish(self, outcome):
        self._take("finish", outcome)


def test_each_tracker_is_told_in_order():
    told = []
    trackers = Trackers([Told(told, "a"), Told(told, "b")])
    trackers.start(1)
    trackers.log(2)
    trackers.finish(3)
    assert told == [(n, what, x) for what, x in (("start", 1), ("log", 2), ("finish", 3)) for n in ("a", "b")]


def test_only_trackers_that_started_are_closed():
    told = []
    trackers = Trackers([Told(told, "a"), Told(told, "b", ["start"]), Told(told, "c")])
    with pytest.raises(RuntimeError, match="b failed at start"):
        trackers.start(1)
    trackers.finish(3)
    assert told == [("a", "start", 1), ("b", "start", 1), ("a", "finish", 3)]


@pytest.mark.parametrize("failing", ["a", "b"])
def test_every_tracker_is_closed_when_one_fails_at_it(failing):
    told = []
    trackers = Trackers([Told(told, name, ["finish"] if name == failing else []) for name in ("a", "b")])
    trackers.start(1)
    with pytest.raises(RuntimeError, match=f"{failing} failed at finish"):
        trackers.finish(3)
    assert told[2:] == [("a", "finish", 3), ("b", "finish", 3)]


def test_trackers_are_closed_once():
    told = []
    trackers = Trackers([Told(told, "a")])
    trackers.start(1)
    trackers.finish(3)
    trackers.finish(3)
    assert told.count(("a", "finish", 3)) == 1
