from dataclasses import replace

from alframe.core.check_result import CheckResult
from alframe.core.reports import Certificate
from alframe.tracking.run_config import clipped, end_facts, facts, flat, tags


def test_the_data_directory_and_the_tracker_are_no_facts(make_info, tmp_path):
    found = facts(make_info(tmp_path))
    assert not any("someone" in str(value) for value in found.values())
    assert not any(key.startswith(("data_dir", "tracker")) for key in found)


def test_a_target_without_a_choice_is_shown_by_its_name(make_info, tmp_path):
    assert facts(make_info(tmp_path, choices={}))["query"] == "Margin"
    assert flat({"auto_label": {"_target_": None}}) == {"auto_label": "none"}


def test_an_object_of_the_users_own_goes_before_the_choice(make_info, tmp_path):
    info = make_info(tmp_path)
    info.config["given"] = {"query": "mine.queries.Farthest"}
    assert facts(info)["query"] == "Farthest"


def test_every_fact_can_be_used_in_a_filter(make_info, tmp_path):
    info = make_info(tmp_path)
    info.config["oracle"] = {"_target_": "x.Noisy", "confusion": [[0.9, 0.1], [0.2, 0.8]], "more": {"a": []}}
    found = facts(info)
    assert found["oracle/confusion"] == "[[0.9,0.1],[0.2,0.8]]"
    assert found["oracle/more/a"] == "[]"
    assert all(isinstance(value, (str, int, float, bool, type(None))) for value in found.values())
    assert not any("." in key or "_target_" in key for key in found)


def test_tags_are_unique_and_cut_to_the_length_of_wandb(make_info, tmp_path):
    info = make_info(tmp_path, data=80 * "d", choices={"query": "none", "auto_label": "none", "policy": "p"})
    found = tags(info, ["query:none", "mine"])
    assert found == [f"data:{59 * 'd'}", "query:none", "auto_label:none", "policy:p", "mine"]
    assert max(len(tag) for tag in found) == 64


def test_the_end_has_the_status_and_the_figures_of_the_summary_but_no_table(summary):
    assert end_facts("failed", None) == {"status": "failed"}
    certificate = Certificate(
        tolerance=0.01, confidence=0.95, audited=0, asked=0, found_wrong=0, max_wrong=3, max_wrong_share=0.6,
        reached=True, method="none", assumes="",
    )  # fmt: skip
    check = CheckResult(
        n_auto=9, asked=5, found_wrong=1, undecided=0, confidence=0.95, error_share=0.2, least_share=0.1,
        most_share=0.6, most_left=4, warn=True, simulated=False,
    )  # fmt: skip
    found = end_facts(
        "finished", replace(summary, certificate=certificate, check=check, per_class=[{"class": "0"}])
    )
    assert found["status"] == "finished"
    assert (found["certificate/reached"], found["certificate/max_wrong"]) == (True, 3)
    assert (found["check/most_share"], found["check/warn"]) == (0.6, True)
    assert (found["hand_labels"], found["versions/python"]) == (3, "3")
    assert not any(key.startswith("per_class") for key in found)


def test_a_name_that_fits_is_unchanged():
    assert clipped(None) is None
    assert clipped(128 * "a") == 128 * "a"
    assert clipped(129 * "a") == 125 * "a" + "..."
