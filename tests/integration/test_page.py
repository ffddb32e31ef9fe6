"""The labelling page as a whole: a command, a person without a browser, and what is then on the disk."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from alframe.cli.label import main as label
from alframe.oracle.answer_store import AnswerStore
from tests.support.helpers import alframe, alframe_process, press_ctrl_c, process_of, read_rows, run_command
from tests.support.page_client import PageClient, Refused, Terminal, port_of

N = 60
SHORT = [
    *("initial.num=12", "query.num=8", "stopping.min_rounds=1", "stopping.max_rounds=2", "learner.steps=4"),
    *("learner.steps_growth=0", "threads=1", "device=cpu", "precision=float32", "remainder=auto"),
    *("learner.scoring_batch_size=64", "auto_label=threshold", "check.num=6"),
    "page.token=a-token-for-the-test",
]
DIGITS = load_digits()
SETTINGS = [
    *("data=folder", "data.path=images", "data.class_names=[zero,one,two,three]", "oracle=page"),
    *("tracker=none", "hydra.run.dir=trial", *SHORT[:-1]),
]


@pytest.fixture(scope="module")
def truth():
    return [int(k) for k in np.flatnonzero(DIGITS.target < 4)[:N]]


@pytest.fixture
def folder(tmp_path, truth):
    (tmp_path / "images").mkdir()
    for number, k in enumerate(truth):
        pixels = (DIGITS.images[k] * 15.9).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"img{number:03}.png")
    return tmp_path


def answer_all(client, classes, until=("finished", "failed"), seconds=60):
    """Answer like a person who is always right; return the last state."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = client.state()
        if state["stage"] in until:
            return state
        grid = client.get(f"/api/grid?who={client.who}")
        items = grid["items"] if grid["id"] else client.next()
        if items:
            client.answer({each["index"]: classes[each["index"]] for each in items}, grid=grid["id"])
        else:
            time.sleep(0.05)
    raise AssertionError(state)


def test_a_folder_is_labelled_on_the_page_from_the_first_question_to_the_end(folder, truth):
    classes = [int(DIGITS.target[k]) for k in truth]
    with alframe_process(*SETTINGS, cwd=folder) as process:
        terminal = Terminal(process)
        address = terminal.address()
        client = PageClient(port_of(address))
        assert client.enter(address) == 303
        state = answer_all(client, classes)
        assert state["stage"] == "finished", state
        assert state["summary"]["sentences"][0].startswith(f"All {N} images have a label")
        _check_views(client, state, classes)
        exported = client.post("/api/export", to="csv")
        assert (folder / "trial" / "export" / "csv").samefile(exported["where"])
        assert b"<html" in client.get("/report")
        assert client.post("/api/finish") == {"finished": True}
        assert process.wait(20) == 0
    rows = read_rows(folder / "trial" / "labels.csv")
    by_hand = [row for row in rows if row["source"] != "auto"]
    assert len(rows) == N
    assert all(int(row["label"]) == classes[int(row["index"])] for row in by_hand)
    with AnswerStore(folder / "trial") as store:
        assert {row.way for row in store.history()} <= {"page", "page grid"}
        assert {row.who for row in store.history()} == {"ann"}
    assert "token" not in (folder / "trial" / "config.yaml").read_text()
    memory = folder / "trial" / "state" / "page.json"
    assert memory.stat().st_mode & 0o777 == 0o600
    assert json.loads(memory.read_text())["port"] == client.port


def _check_views(client, state, classes):
    """Compare the forecast, the people and the gallery at the end with each other."""
    forecast = state["forecast"]
    assert forecast["answered"] == forecast["at_most"] == forecast["hand_labels"]
    assert forecast["minutes_left"] == 0
    [person] = client.get("/api/people")["people"]
    assert (person["name"], person["answers"]) == (client.who, forecast["answered"])
    both, hand, auto = (
        client.get(f"/api/gallery?view=labels&source={each}&limit=500") for each in ("", "hand", "auto")
    )
    assert (both["total"], hand["total"], auto["total"]) == (N, forecast["answered"], forecast["auto_labels"])
    assert all(
        each["label"] == classes[each["index"]] and each["who"] == client.who for each in hand["items"]
    )
    assert all(each["label"] == each["predicted"] and 0 < each["confidence"] <= 1 for each in auto["items"])
    differ = client.get("/api/gallery?view=disagreement")["items"]
    assert all(each["predicted"] not in (None, each["label"]) for each in differ)
    assert client.get("/api/gallery?view=duplicates") == {"total": 0, "items": []}
    [row] = client.get(f"/api/history/{hand['items'][0]['index']}")["rows"]
    assert (row["who"], row["answer"]) == (client.who, hand["items"][0]["label"])


def test_ctrl_c_while_people_answer_ends_at_once_and_the_same_command_goes_on(folder, truth):
    classes = [int(DIGITS.target[k]) for k in truth]
    with alframe_process(*SETTINGS, cwd=folder) as process:
        terminal = Terminal(process)
        client = PageClient(port_of(terminal.address()))
        client.enter(terminal.address())
        client.wait_for("labelling")
        given = [each["index"] for each in client.next(5)]
        client.answer({index: classes[index] for index in given})
        press_ctrl_c(process)
        assert process.wait(20) == 130
    with alframe_process(*SETTINGS, cwd=folder) as process:
        Terminal(process).address()
        state = client.wait_for("labelling")  # same port, same cookie: an open page goes on
        assert (state["question"]["purpose"], state["question"]["answered"]) == ("seed", 5)
        assert not set(given) & {each["index"] for each in client.next(12)}


def test_a_sweep_a_taken_port_and_an_open_host_are_refused_with_one_line(folder):
    for wrong, text in (
        (["-m", "seed=1,2"], "oracle: expected another oracle in a sweep (-m), got 'page'"),
        (["page.host=0.0.0.0"], "page.token: expected a text of your own, since page.host=0.0.0.0 lets"),
        (["page.token=short"], "page.token: expected a text of 16 to 200 letters"),
        (["page.host=203.0.113.7", f"page.token={'x' * 20}"], "page.host: expected an address of this comp"),
        (["page.grid=7"], "page.grid: expected a whole number of 20 to 200, or 0 for no grid, got 7"),
    ):
        done = alframe(*SETTINGS, *wrong, cwd=folder)
        assert done.returncode == 2, done
        assert done.stderr.startswith(f"alframe: {text}"), done.stderr
        assert done.stderr.count("\n") == 1
    assert not (folder / "trial" / "config.yaml").exists()


@pytest.mark.long
def test_kills_lose_and_double_no_answer(tmp_path):
    command = [sys.executable, "-m", "tests.support.page_kills", "--kills", "4", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout)
    assert counts["kills"] == 4
    assert counts["acknowledged"] > 0
    assert (counts["lost"], counts["doubled"], counts["never_sent"]) == (0, 0, 0)


def _is_refused_beside(client, folder):
    """Start the command a second time: two would mix up their classes."""
    done = run_command(label, "images", *SHORT, cwd=folder)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done
    assert "expected no other alframe-label at work there" in done.stderr
    assert f"http://127.0.0.1:{client.port}/" in done.stderr


def test_alframe_label_asks_for_the_classes_labels_a_folder_and_goes_on(folder, truth):
    classes = [int(DIGITS.target[k]) for k in truth]
    command = [sys.executable, "-m", "alframe.cli.label", "images", *SHORT]
    with process_of(command, cwd=folder) as process:
        client = PageClient(port_of(Terminal(process).address()))
        client.enter("/?token=a-token-for-the-test")
        assert client.wait_for("setup")["question"] is None
        _is_refused_beside(client, folder)
        asked = client.get("/api/setup")
        assert (asked["n_images"], asked["classes"], asked["left_out"]) == (N, [], [])
        assert client.get(f"/image/{asked['samples'][0]}/small")
        with pytest.raises(Refused, match=r"400.*at least two names"):
            client.post("/api/setup", classes=["zero"], tolerance=None)
        names = ["zero", "${oc.env:HOME}", "it's ${x", "tre\u0301s"]
        assert client.post("/api/setup", classes=names, tolerance=None)["version"]
        client.wait_for("labelling")
        _is_refused_beside(client, folder)
        given = [each["index"] for each in client.next(3)]
        client.answer({index: classes[index] for index in given})
        process.kill()
    with process_of(command, cwd=folder) as process:
        Terminal(process).address()
        state = client.wait_for("labelling")
        assert [each["name"] for each in state["classes"]] == [
            "zero",
            "${oc.env:HOME}",
            "it's ${x",
            "tr\u00e9s",
        ]
        assert state["question"]["answered"] == 3
        assert client.post("/api/classes", name="four")["number"] == 4  # the trial begins again with it
        assert answer_all(client, classes)["stage"] == "finished"
        client.post("/api/finish")
        assert process.wait(20) == 0
    [directory] = (folder / "outputs").iterdir()
    assert directory.name.startswith("label_images_")
    _check_opened_again(command, folder, directory, client)
    done = run_command(label, "nothing", cwd=folder)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("alframe-label: nothing: expected a folder of images, got nothing")


def _check_opened_again(command, folder, directory, client):
    """A finished trial shows its page again: the result, the gallery and the export, and changes nothing."""
    labels = read_rows(directory / "labels.csv")
    with process_of(command, cwd=folder) as process:
        terminal = Terminal(process)
        terminal.address()
        state = client.wait_for("finished")
        assert "finished before" in terminal.lines[0]
        assert state["summary"]["sentences"][0].startswith(f"All {N} images have a label")
        assert state["summary"]["labels"] == str(directory / "labels_by_name.csv")
        assert (state["forecast"]["hand_labels"], state["forecast"]["minutes_left"]) == (
            sum(row["source"] != "auto" for row in labels),
            0,
        )
        auto = client.get("/api/gallery?source=auto&limit=500")["items"]
        assert {each["index"]: each["label"] for each in auto} == {
            int(row["index"]): int(row["label"]) for row in labels if row["source"] == "auto"
        }
        assert client.get(f"/image/{labels[0]['index']}/small")
        with pytest.raises(Refused, match=r"409.*alframe-audit"):
            client.post("/api/review", key="r", index=0, answer=1)
        assert client.post("/api/export", to="csv")["files"] == N
        client.post("/api/finish")
        assert process.wait(20) == 0
    assert read_rows(directory / "labels.csv") == labels
    (folder / "images").rename(folder / "elsewhere")
    done = run_command(label, *command[3:], cwd=folder)
    assert (done.returncode, "the page is not shown" in done.stdout) == (0, True)
    (folder / "elsewhere").rename(folder / "images")
