"""Label files of every form, and what is wrong with them."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from alframe.auditing.given_labels import (
    names_in_labels,
    read_given_labels,
    read_second_answers,
    unmatched_line,
)
from alframe.core.errors import DataError
from alframe.data import ImageDataset, folder
from tests.support import labelled_trial

NAMES = ["cat", "dog", "eel"]
WHOLE = [f"{index},{NAMES[index % 3]}" for index in range(6)]


@pytest.fixture
def dataset() -> ImageDataset:
    images = torch.arange(6 * 64).remainder(251).to(torch.uint8).view(6, 8, 8).numpy()
    return ImageDataset.from_arrays("pets", images, class_names=NAMES)


def table(directory: Path, *lines: str, name: str = "labels.csv") -> str:
    file = directory / name
    file.write_text("\n".join(lines) + "\n")
    return str(file)


def test_a_table_by_index(dataset: ImageDataset, tmp_path: Path) -> None:
    given = read_given_labels(dataset, table(tmp_path, "index,label", *WHOLE))
    assert given.label_N.tolist() == [0, 1, 2, 0, 1, 2]
    assert given.log_probs_NC is None
    assert unmatched_line(given, "it") is None


@pytest.fixture
def photos(tmp_path: Path) -> ImageDataset:
    """Three images in files: a, b and c."""
    (tmp_path / "photos").mkdir()
    for name in ("a", "b", "c"):
        Image.new("L", (8, 8), ord(name)).save(tmp_path / "photos" / f"{name}.png")
    return photos_in(tmp_path, subfolders_are_classes=True, class_names=NAMES)


def photos_in(
    directory: Path, *, subfolders_are_classes: bool, class_names: list[str] | None
) -> ImageDataset:
    return folder(
        name="photos",
        path=str(directory / "photos"),
        data_dir=str(directory),
        download=False,
        size=None,
        channels=None,
        max_megapixels=None,
        subfolders_are_classes=subfolders_are_classes,
        class_names=class_names,
        test_path=None,
    )


def test_a_table_by_file(photos: ImageDataset, tmp_path: Path) -> None:
    beside = table(tmp_path, "file,label", "a.png,dog", "c.png,cat", "d.png,eel")
    given = read_given_labels(photos, beside)
    assert given.label_N.tolist() == [1, -1, 0]
    assert unmatched_line(given, "it") == (
        "it has 1 image without a label (b.png) and 1 label for an image that is not there (d.png)"
    )
    by_path = table(tmp_path, "path,class", "photos/a.png,dog", "photos/b.png,cat", name="other.csv")
    assert read_given_labels(photos, by_path).label_N.tolist() == [1, 0, -1]


def test_a_column_of_files_with_another_name_is_asked_for(photos: ImageDataset, tmp_path: Path) -> None:
    odd = table(tmp_path, "bild,label", "a.png,dog", "b.png,cat")
    with pytest.raises(DataError, match=r"labels: expected a column file or index, got bild, label\."):
        read_given_labels(photos, odd)


def test_a_file_that_is_no_table_names_its_key(dataset: ImageDataset, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"\xff\xfe\x00\x01" * 9)
    with pytest.raises(DataError, match=r"^labels: expected a table in "):
        read_given_labels(dataset, str(tmp_path / "labels.csv"))
    with pytest.raises(DataError, match=r"^second_answers: expected a table in "):
        read_second_answers(dataset, str(tmp_path / "labels.csv"))


def test_tasks_of_label_studio(dataset: ImageDataset, tmp_path: Path) -> None:
    tasks = [
        {"data": {"index": index}, "annotations": [{"result": [{"value": {"choices": [NAMES[index % 3]]}}]}]}
        for index in range(6)
    ]
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps(tasks))
    assert read_given_labels(dataset, str(file)).label_N.tolist() == [0, 1, 2, 0, 1, 2]


def test_probabilities_give_the_label_and_rank_it(dataset: ImageDataset, tmp_path: Path) -> None:
    lines = [f"{index},0.2,0.5,0.3" for index in range(5)] + ["5,0.9,0.05,0.05"]
    given = read_given_labels(dataset, table(tmp_path, "index,p_cat,p_dog,p_eel", *lines))
    assert given.label_N.tolist() == [1, 1, 1, 1, 1, 0]
    assert given.log_probs_NC is not None
    assert given.log_probs_NC[5].exp().tolist() == pytest.approx([0.9, 0.05, 0.05])


def test_a_confidence_is_the_probability_of_the_label(dataset: ImageDataset, tmp_path: Path) -> None:
    lines = [f"{line},0.8" for line in WHOLE[:5]] + [f"{WHOLE[5]},"]
    given = read_given_labels(dataset, table(tmp_path, "index,label,confidence", *lines))
    assert given.log_probs_NC is not None
    assert given.log_probs_NC[1].exp().tolist() == pytest.approx([0.1, 0.8, 0.1])
    assert given.log_probs_NC[5].exp().tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["index,label", *WHOLE[:5], "5,frog"], "expected the classes cat, dog, eel"),
        (["index,label", *WHOLE[:5], "5,frog"], "got 'frog' (line 7)"),
        (["index,label", *[f"{n},cat" for n in range(6)]], "got only 'cat'"),
        (["index,label", *WHOLE, "3,dog"], "one label for each image, got a second one in line 8"),
        (["index,label", "100,cat", "101,dog"], "Is it the file of another data set?"),
        (["index,kind", "1,cat"], "expected a column of labels"),
        ([""], "got none. The file is empty."),
        (["index|label", "1|cat"], "Separate the columns by commas, semicolons or tabs"),
        (["index,label"], "none of the 0 rows"),
        (["index,label,class", "1,cat,dog"], "expected one column of labels in"),
        (["kind,label", "1,cat"], "expected a column index, since the images of pets are no files"),
        (["file,label", "a.png,cat"], "expected a column index, since the images of pets are no files"),
        (["index,label", "1.5,cat", "2.5,dog"], "(index 1.5 is not among them; indices are 0 to 5)"),
        (["index,label", "-1,cat", "-2,dog"], "(index -1 is not among them"),
        (["index,label", *WHOLE, "3,dog"], "index 3 is dog there and cat before"),
        (["index,label", "0,cat,dog"], "line 2 has 3 cells and the first line 2"),
        (["index,cat,dog,eel", "0,0.5,0.5,0.5"], "sum to 1 in line 2, got 1.5. If they are logits"),
        (["index,cat,dog,eel", "0,0.5,x,0.5"], "expected probabilities in line 2"),
        (["index,cat,dog,eel", "0,-0.5,1,0.5"], "expected probabilities in line 2"),
        (["index,label,confidence", "0,cat,95"], "expected a confidence of 0 to 1 in line 2, got '95'"),
    ],
)
def test_a_wrong_table_is_answered_in_one_line(
    dataset: ImageDataset, tmp_path: Path, lines: list[str], said: str
) -> None:
    with pytest.raises(DataError) as caught:
        read_given_labels(dataset, table(tmp_path, *lines))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cells_that_programs_write_for_a_missing_label_are_no_labels(
    dataset: ImageDataset, tmp_path: Path
) -> None:
    lines = ["0,cat", "1,nan", "2,", "3,NaN", "4,?", "5,dog"]
    given = read_given_labels(dataset, table(tmp_path, "index,label", *lines))
    assert given.label_N.tolist() == [0, -1, -1, -1, -1, 1]
    assert list(given.without_label) == ["1", "2", "3", "4"]


def test_whole_numbers_that_a_table_holds_as_floats(dataset: ImageDataset, tmp_path: Path) -> None:
    given = read_given_labels(dataset, table(tmp_path, "index,label", "0.0,1.0", "5.0,2.0"))
    assert given.label_N.tolist() == [1, -1, -1, -1, -1, 2]


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
@pytest.mark.parametrize("type_of", [int, float, str])
def test_numbers_as_labels_and_the_label_0_is_one(
    dataset: ImageDataset, tmp_path: Path, form: str, type_of: type
) -> None:
    file, labels = tmp_path / f"labels.{form}", [type_of(index % 3) for index in range(6)]
    if form == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        columns = {"index": list(range(6)), "label": labels}
        parquet.write_table(pytest.importorskip("pyarrow").table(columns), file)
    else:
        lines = [json.dumps({"index": index, "label": label}) for index, label in enumerate(labels)]
        file.write_text("\n".join(lines))
    assert read_given_labels(dataset, str(file)).label_N.tolist() == [0, 1, 2, 0, 1, 2]


def test_the_labels_of_a_finished_trial(tmp_path: Path) -> None:
    images = labelled_trial.photos(tmp_path / "photos")
    directory = labelled_trial.leave(tmp_path / "trial", images)
    expected = [label if kind in ("hand", "auto") else -1 for kind, label, *_ in labelled_trial.LABELS]
    given = read_given_labels(images, str(directory))
    assert given.label_N.tolist() == expected
    assert len(given.without_label) == expected.count(-1)


def test_years_as_subfolders_are_no_classes(tmp_path: Path) -> None:
    for year in ("2019", "2020"):
        (tmp_path / "photos" / year).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "photos" / year / "a.png")
    file = table(tmp_path, "file,label", "2019/a.png,cat", "2020/a.png,dog")
    with pytest.raises(DataError, match=r"got 'cat' .* write data\.subfolders_are_classes=false\."):
        read_given_labels(photos_in(tmp_path, subfolders_are_classes=True, class_names=None), file)
    flat = photos_in(tmp_path, subfolders_are_classes=False, class_names=names_in_labels(file))
    assert read_given_labels(flat, file).label_N.tolist() == [0, 1]
    bare = table(tmp_path, "file,label", "a.png,cat", name="bare.csv")
    with pytest.raises(DataError, match=r"a\.png is not among them; files are such as 2019/a\.png"):
        read_given_labels(flat, bare)


def test_a_missing_file(dataset: ImageDataset) -> None:
    with pytest.raises(
        DataError, match=r"labels: expected a file with labels .* nowhere\.csv does not exist"
    ):
        read_given_labels(dataset, "nowhere.csv")


def test_second_answers_may_name_one_class_and_say_their_key(dataset: ImageDataset, tmp_path: Path) -> None:
    assert read_second_answers(dataset, table(tmp_path, "index,label", "2,dog")).tolist()[2] == 1
    with pytest.raises(DataError, match="second_answers: "):
        read_second_answers(dataset, table(tmp_path, "index,label", "2,frog"))


def test_names_in_labels(tmp_path: Path) -> None:
    assert names_in_labels(table(tmp_path, "index,label", "1,dog", "2,cat", "3,?", "4,dog")) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["file,label", "a.png,cat"], "at least two classes in .*, got only 'cat'"),
        (["file,label"], "at least two classes in .*, got none"),
        ([""], "The file is empty"),
        (["file|label", "a.png|cat"], "Separate the columns"),
    ],
)
def test_a_file_without_names_of_classes(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(DataError, match=f"^labels: .*{said}"):
        names_in_labels(table(tmp_path, *lines))


def test_names_in_a_file_that_is_not_there_or_has_only_probabilities(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv does not exist"):
        names_in_labels(str(tmp_path / "nowhere.csv"))
    assert names_in_labels(table(tmp_path, "index,p_cat,p_dog", "0,0.5,0.5")) == []
