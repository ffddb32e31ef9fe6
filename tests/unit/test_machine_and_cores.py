import json
import subprocess
import sys

import pytest

from alframe import _machine as machine
from alframe.learner.compute import threads


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ALFRAME_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_recall_returns_only_remembered_values():
    assert machine.recall("a") is None
    machine.remember("a", {"x": 1})
    machine.remember("b", {"y": [2]})
    assert machine.recall("a") == {"x": 1}
    assert machine.recall("b") == {"y": [2]}
    assert machine.recall("c") is None


@pytest.mark.parametrize("damage", ["", "{", "[1, 2]", "null", '{"a": 3}', "\x00\xff"])
def test_a_damaged_cache_counts_as_empty_and_is_replaced(own_cache, damage):
    machine.remember("a", {"x": 1})
    (own_cache / "measured.json").write_text(damage)
    assert machine.recall("a") is None
    machine.remember("a", {"x": 2})
    assert machine.recall("a") == {"x": 2}


def test_without_a_writable_cache_values_are_dropped(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ALFRAME_CACHE_DIR", str(tmp_path / "file" / "below"))
    machine.remember("a", {"x": 1})
    assert machine.recall("a") is None
    with machine.shared_cores(None) as n:
        assert n == machine.n_cores()


def test_the_environment_sets_the_folder_of_the_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("ALFRAME_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert machine.cache_directory() == tmp_path / "alframe"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert machine.cache_directory() == tmp_path / ".cache" / "alframe"


# A trial beside this one: it prints its share of four cores and holds it until its input is closed.
HOLD = """
import sys
from alframe import _machine
_machine.n_cores = lambda: 4
with _machine.shared_cores(eval(sys.argv[1])) as n:
    print(n, flush=True)
    sys.stdin.read()
"""


def test_parallel_trials_share_the_cores_and_get_at_least_one(monkeypatch):
    monkeypatch.setattr(machine, "n_cores", lambda: 4)
    others = []
    try:
        for wanted, expected in ((3, 3), (None, 1), (None, 1)):
            command = [sys.executable, "-c", HOLD, str(wanted)]
            other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            others.append(other)
            assert other.stdout.readline() == f"{expected}\n"
        with machine.shared_cores(None) as n:
            assert n == 1
        with machine.shared_cores(2) as n:
            assert n == 2  # what is asked for is given
        others[0].kill()  # a killed trial gives its cores back
        others[0].wait()
        with machine.shared_cores(None) as n:
            assert n == 2
    finally:
        for other in others:
            other.kill()
            other.communicate()
    with machine.shared_cores(None) as n:
        assert n == 4


def test_the_processor_is_named():
    name, flags = machine.processor()
    assert name
    assert all(flag == flag.strip() for flag in flags)


def test_the_cache_is_plain_json(own_cache):
    machine.remember("a", {"x": 1})
    assert json.loads((own_cache / "measured.json").read_text()) == {"a": {"x": 1}}


def test_threads_come_from_the_key_then_the_environment_then_slurm(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    with threads.limited_threads(None) as n:
        assert n == 3
    with threads.limited_threads(2) as n:
        assert n == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "5")  # torch read its own before any trial
    with threads.limited_threads(None) as n:
        assert n == threads._FIRST_THREADS


def test_trials_of_another_machine_with_the_same_home_take_no_cores(monkeypatch):
    monkeypatch.setattr(machine, "n_cores", lambda: 4)
    with machine.shared_cores(3):
        with machine.shared_cores(None) as n:
            assert n == 1
        monkeypatch.setattr(machine.platform, "node", lambda: "another")
        with machine.shared_cores(None) as n:
            assert n == 4


def test_millions_of_samples_give_their_arrays_back(monkeypatch):
    calls = []

    class Libc:
        def mallopt(self, option, value):
            calls.append((option, value))
            return 1

        def malloc_trim(self, padding):
            return 0

    monkeypatch.setattr(threads.sys, "platform", "linux")
    monkeypatch.setattr(threads.ctypes, "CDLL", lambda name: Libc())
    assert not threads.give_back_arrays(100_000)
    assert threads.give_back_arrays(10_000_000)
    assert calls == [(threads.M_MMAP_THRESHOLD, 40_000_000)]  # float32 numbers, one for each sample
    monkeypatch.setattr(threads.ctypes, "CDLL", lambda name: object())
    assert not threads.give_back_arrays(10_000_000)
