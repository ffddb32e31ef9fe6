import pytest

from alframe.core.errors import UserError
from claims import Claim, Row, as_text, check_claims, choose_trials, claims_table, parse_header

TEXT = """\
# @package _global_
# A toy, for which nobody claims anything here: command, result.
#
# command   alframe experiment=toy seed=3          (a machine of any kind)
#           alframe experiment=toy data.limit=60   (a smaller one)
# result    2.00 % hand labels, 0.2 % mislabelled
#           (mean of two seeds)
# time      4 to 5 min (beside
#           other work)
# hardware  CPU, two cores
# claim     hand_share 0.02 (by its settings)
# claim     mislabelled_share 0.001 to 0.003 (prediction interval
#           from seeds 1 to 2)
# claim     certificate.reached true (2 of 2)
defaults:
  - override /data: digits  # time      9 s
"""


def header(name="toy", time="4 to 5 min", hardware="CPU, two cores", command="alframe"):
    lines = [f"# command   {command}", "# result    good", f"# time      {time}", f"# hardware  {hardware}"]
    return parse_header(name, "\n".join(lines))


def test_a_header_is_read_with_continued_lines():
    found = parse_header("toy", TEXT)
    assert found.command == ("alframe", "experiment=toy", "seed=3")
    assert found.result == "2.00 % hand labels, 0.2 % mislabelled (mean of two seeds)"
    assert found.time == "4 to 5 min (beside other work)"
    assert found.seconds == 300
    assert found.hardware == "CPU, two cores"
    assert found.claims == (
        Claim(key="hand_share", low=0.02, high=0.02, basis="by its settings"),
        Claim(key="mislabelled_share", low=0.001, high=0.003, basis="prediction interval from seeds 1 to 2"),
        Claim(key="certificate.reached", low=1, high=1, basis="2 of 2"),
    )
    assert (found.is_trial, found.needs_gpu) == (True, False)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("61 s", 61), ("59 to 65 s", 65), ("1.5 h (85 trials)", 5400), ("not run yet", None), ("50 min", 3000)],
)
def test_the_longest_time_counts(time, seconds):
    assert header(time=time).seconds == seconds


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# command ", "# comand ", "expected one line `# command"),
        ("# hardware  CPU, two cores\n", "", "expected one line `# hardware"),
        ("# result ", "# time      9 s\n# result ", "expected one line `# time"),
        ("4 to 5 min", "soon", "a time such as 61 s, 4 to 5 min or not run yet, got soon"),
        ("CPU, two", "two", "hardware that begins with CPU or GPU, got two cores"),
        ("hand_share 0.02 (", "hand_share about 0.02 (", "a claim such as"),
        (" (by its settings)", "", "got hand_share 0.02"),
    ],
)
def test_a_header_that_cannot_be_read_is_named(old, new, message):
    assert old in TEXT
    with pytest.raises(UserError, match=r"^toy\.yaml: ") as caught:
        parse_header("toy", TEXT.replace(old, new))
    assert message in str(caught.value)


def names(*args, **settings):
    return [each.name for each in choose_trials(*args, **settings)]


def test_trials_that_fit_are_chosen_the_shortest_first():
    there = [
        header("long", "9 min"),
        header("short", "20 to 30 s"),
        header("middle", "61 s"),
        header("unknown", "not run yet"),
        header("sweep", "10 s", command="alframe -m"),
        header("large", "10 s", "GPU, any"),
    ]
    assert names(there, minutes=2, gpu=False) == ["short", "middle"]
    assert names(there, minutes=1.5, gpu=False) == ["short"]
    assert names(there, minutes=91 / 60, gpu=False) == ["short", "middle"]
    assert names(there, minutes=None, gpu=False) == ["short", "middle", "long"]
    assert names(there, minutes=None, gpu=True) == ["large", "short", "middle", "long"]
    assert names(there, minutes=0, gpu=True) == []


SUMMARY = {
    "hand_share": 1200 / 60000,
    "mislabelled_share": 138 / 60000,
    "certificate": {"reached": True},
    "seconds": 281.4,
}


def insides(**changes):
    return [row.inside for row in check_claims(parse_header("toy", TEXT), {**SUMMARY, **changes})]


def test_each_claim_is_held_against_its_figure():
    assert insides() == [True, True, True]
    assert insides(hand_share=1201 / 60000) == [False, True, True]
    assert insides(mislabelled_share=0.001) == [True, True, True]
    assert insides(mislabelled_share=0.00099) == [True, False, True]
    assert insides(mislabelled_share=0.00301) == [True, False, True]
    assert insides(certificate={"reached": False}) == [True, True, False]
    assert insides(certificate=None, mislabelled_share=None) == [True, False, False]


def test_one_sample_more_or_less_of_sixty_thousand_shows():
    one = parse_header("toy", TEXT.replace("0.02 (", "0.00442 to 0.00706 ("))
    counts = (265, 266, 423, 424)  # 60,000 times the bounds: 265.2 and 423.6
    inside = [check_claims(one, {**SUMMARY, "hand_share": n / 60000})[0].inside for n in counts]
    assert inside == [False, True, True, False]


def test_a_trial_that_failed_is_one_row_and_one_without_a_claim_is_fine():
    [failed] = check_claims(parse_header("toy", TEXT), None)
    assert (failed.claim, failed.inside) == (None, False)
    [fine] = check_claims(header(), SUMMARY)
    assert (fine.claim, fine.inside) == (None, True)


def test_the_table_has_claim_beside_result():
    rows = check_claims(parse_header("toy", TEXT), {**SUMMARY, "hand_share": 0.03})
    rows += [Row(name="other", claim=None, value=None, inside=False)]
    table = claims_table(rows, {"toy": ("4 to 5 min", 281.4), "other": ("61 s", None)})
    assert table.splitlines() == [
        "| experiment | figure | claimed for one trial | here | verdict | seconds claimed | seconds here |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| toy | hand_share | 2.000 % | 3.000 % | OUTSIDE | 4 to 5 min | 281 |",
        "| toy | mislabelled_share | 0.100 % to 0.300 % | 0.230 % | inside | 4 to 5 min | 281 |",
        "| toy | certificate.reached | yes | yes | inside | 4 to 5 min | 281 |",
        "| other |  |  |  | FAILED | 61 s |  |",
    ]


def test_values_are_written_for_people():
    assert as_text("hand_share", 0.0241) == "2.410 %"
    assert as_text("hand_labels", 1447.0) == "1,447"
    assert as_text("certificate.reached", 1.0) == "yes"
