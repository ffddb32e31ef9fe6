import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

import gpu_session
from alframe.config.command_line import check_command_line
from gpu_command import ROOT, Place
from gpu_record import (
    MARKDOWN,
    TRIALS,
    Outcome,
    Record,
    pack_trials,
    rounds_table,
    tables_in,
    to_markdown,
    unpack_trials,
)
from gpu_session import run_session
from gpu_slices import SLICES, Slice

SLOW = "import pathlib, sys, time; p = pathlib.Path(sys.argv[1]) / 'runs'; p.open('a').write('x'); "


def fake(name: str, code: str, **settings: object) -> Slice:
    given: dict[str, object] = {"title": name, "minutes": 0.001, **settings}
    return Slice(name=name, arguments=("-c", code, "{folder}"), **given)  # type: ignore[arg-type]


def gone(number: int) -> bool:
    stat = Path(f"/proc/{number}/stat")
    return not stat.exists() or stat.read_text().rpartition(") ")[2].startswith("Z")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(gpu_session, "versions", lambda place: "torch 1")  # importing torch takes seconds
    monkeypatch.setattr(gpu_session, "report_tables", lambda one, place: [])
    return Place(
        out=tmp_path / "out", work=tmp_path / "work", environment={"PYTHONUNBUFFERED": "1"}, grace=1.0
    )


def session(
    slices: list[Slice], place: Place, minutes: float = 1.0, again: bool = False
) -> tuple[int, Record]:
    titles = {each.name: each.title for each in slices}
    code = run_session(slices, Record.read(place.out, titles), place, minutes=minutes, again=again)
    return code, Record.read(place.out, titles)


def test_a_failing_slice_is_recorded_and_does_not_stop_the_others(place: Place, tmp_path: Path) -> None:
    slices = [
        fake("bad", "print('| no table |'); raise SystemExit('a package is missing')"),
        fake("good", "print('| n |\\n|---|\\n| 7 |')"),
    ]
    code, record = session(slices, place)
    assert code == 1
    assert record.outcomes["bad"].status == "failed"
    assert record.outcomes["bad"].last_lines[-1] == "a package is missing"
    assert record.outcomes["good"].tables == ("| n |\n|---|\n| 7 |",)
    page = (place.out / MARKDOWN).read_text()
    assert "### good\n\n| n |" in page
    assert "a package is missing" in page
    assert session(slices, place)[1].outcomes["bad"].runs == 1  # only on request
    assert session(slices, place, again=True)[1].outcomes["bad"].runs == 2
    assert session(slices, place)[1].outcomes["good"].runs == 1


def test_a_slice_is_ended_at_its_limit_and_continues(place: Place) -> None:
    code = SLOW + "time.sleep(0 if len(p.read_text()) > 1 else 60)"
    one = fake("slow", code, limit=1 / 60, resumes=True, folder="slow")
    begin = time.monotonic()
    assert session([one], place, minutes=1.8 / 60)[0] == 3
    assert time.monotonic() - begin < 10
    code_now, record = session([one], place)
    assert code_now == 0
    assert (record.outcomes["slow"].status, record.outcomes["slow"].runs) == ("done", 2)


def test_a_slice_that_cannot_continue_fails_at_its_limit(place: Place) -> None:
    _, record = session([fake("long", "import time; time.sleep(60)", limit=1 / 60)], place)
    assert record.outcomes["long"].status == "failed"
    assert record.outcomes["long"].last_lines[-1].startswith("ended at its limit of 1 s")


def test_every_process_of_a_slice_is_ended_even_if_it_ignores_sigterm(place: Place) -> None:
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    code = f"import subprocess, sys, time; c = subprocess.Popen([sys.executable, '-c', {child!r}]); "
    code += "print(c.pid, flush=True); time.sleep(60)"
    _, record = session([fake("parent", code, limit=1 / 60)], place)
    number, deadline = int(record.outcomes["parent"].last_lines[0]), time.monotonic() + 10
    while not gone(number):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl of Linux")
def test_the_command_of_a_killed_session_ends_too(tmp_path: Path) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); from gpu_command import *; "
    code += "place = Place(out=Path(sys.argv[2]), work=Path(sys.argv[2]), environment={}); "
    child = (
        f"import os, pathlib, time; pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid())); "
    )
    code += f"run_command(['-c', {child + 'time.sleep(60)'!r}], 60, place)"
    scripts = str(ROOT / "scripts")
    with subprocess.Popen([sys.executable, "-c", code, scripts, str(tmp_path)]) as process:
        deadline = time.monotonic() + 30
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    while not gone(int((tmp_path / "pid").read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_slice_is_not_begun_without_time_for_it(place: Place) -> None:
    code, record = session([fake("long", "", minutes=5.0), fake("short", "")], place, minutes=0.5)
    assert code == 3
    assert list(record.outcomes) == ["short"]


def test_another_command_of_the_same_name_is_run_again(place: Place) -> None:
    session([fake("one", "print(1)")], place)
    assert session([fake("one", "print(2)")], place)[1].outcomes["one"].runs == 1


def test_finished_trials_travel_to_another_machine(tmp_path: Path) -> None:
    done, open_ = tmp_path / "here" / "sweep" / "0", tmp_path / "here" / "sweep" / "1"
    for trial in (done, open_):
        (trial / "state").mkdir(parents=True)
        for name in ("config.yaml", "summary.json", "labels.csv"):
            (trial / name).write_text(name)
    (open_ / "state" / "round-0003.state").write_text("")
    pack_trials(tmp_path / "here", tmp_path / TRIALS)
    unpack_trials(tmp_path / TRIALS, tmp_path / "there")
    found = sorted(str(path.relative_to(tmp_path / "there")) for path in (tmp_path / "there").rglob("*.*"))
    assert found == ["sweep/0/config.yaml", "sweep/0/summary.json"]


def test_a_table_has_the_seconds_of_the_rounds_in_which_steps_are_recorded(tmp_path: Path) -> None:
    assert rounds_table(tmp_path) == []
    for name, seconds in {"0": (9.0, 1.5, 0.3), "1": (9.0, 0.5, 0.4), "2": (9.0, 0.6, 0.5)}.items():
        kinds = ("seed", "round", "round")
        lines = [f"{kind},{each}" for kind, each in zip(kinds, seconds, strict=True)]
        (tmp_path / name).mkdir()
        (tmp_path / name / "rounds.csv").write_text("\n".join(["kind,seconds", *lines]) + "\n")
    [table] = rounds_table(tmp_path)
    assert table.splitlines()[-1] == "| 3 | 0.50 | 0.60 | 1.50 | 0.40 |"
    assert tables_in(table) == [table]


def test_wheels_are_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "made-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("made/__init__.py", "x = 1")
    assert (gpu_session.unpacked(tmp_path, tmp_path / "site") / "made" / "__init__.py").read_text() == "x = 1"


def test_a_page_shows_the_last_tables_of_a_title() -> None:
    outcomes = {name: Outcome(status="done", tables=(f"| {name} |\n|---|",)) for name in ("seed_1", "seed_2")}
    page = to_markdown(outcomes, {"seed_1": "Trials", "seed_2": "Trials"})
    assert "| seed_2 |\n|---|" in page
    assert "| seed_1 |\n|---|" not in page
    assert tables_in("| a | b |\nno table") == []


def test_each_option_of_a_slice_exists_in_its_script() -> None:
    for one in SLICES:
        script = one.arguments[0]
        if script.endswith(".py"):
            text = (ROOT / script).read_text()
            options = [
                each for each in (*one.arguments, *one.smoke) if each.startswith("--") and len(each) > 2
            ]
            assert [each for each in options if f'"{each}"' not in text] == [], one.name
    assert len({each.name for each in SLICES}) == len(SLICES)
    assert all(each.limit < 10 for each in SLICES)


@pytest.mark.parametrize("name", ["published_8", "pixels", "heads", "default_packed", "published_packed"])
def test_a_command_line_is_accepted(name: str, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    [one] = [each for each in SLICES if each.name == name]
    line = [text.replace("{folder}", str(tmp_path)) for text in one.arguments[2:]]
    assert check_command_line(line) is not None
