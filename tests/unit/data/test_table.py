"""Tables of image files and labels: columns found or named, splits, and rows that are not right."""

import importlib.util
import json

import pytest
from PIL import Image

from alframe.core.errors import DataError, DataWarning
from alframe.data import table

# Images of one colour are all that these tests need.
pytestmark = pytest.mark.filterwarnings("ignore:.*after they were read")
SETTINGS = {"name": "mine", "data_dir": ".", "download": False, "size": None, "channels": None}
SETTINGS |= {"class_names": None, "max_megapixels": None}
SETTINGS |= {"image_column": None, "label_column": None, "split_column": None}


@pytest.fixture
def folder(tmp_path):
    """Nine images of 5 x 6 pixels, grey by their number."""
    for k in range(9):
        Image.new("L", (6, 5), 10 * k).save(tmp_path / f"{k}.png")
    return tmp_path


def load(folder, text, name="labels.csv", **changes):
    (folder / name).write_text(text, encoding="utf-8-sig")
    return table(**{**SETTINGS, "path": str(folder / name), **changes})


def test_an_index_counts_the_rows_and_labels_are_names(folder):
    data = load(folder, "file_name,label\n7.png,dog\n\n./2.png, Käse \n0.png,dog\n")
    assert data.files_N == ("7.png", "./2.png", "0.png")
    assert data.class_names == ("Käse", "dog")
    assert data.truth_N.tolist() == [1, 0, 1]
    assert data.images_N.pixels()[:, 0, 0, 0].tolist() == [70, 20, 0]
    assert data.test_images_T is None


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_quotes_and_named_columns(folder, delimiter):
    lines = [("a", "where", "kind", "label"), ('"x, y"', "1.png", "10", "z"), ("b", "2.png", "9", "z")]
    text = "\r\n".join(delimiter.join(cells) for cells in lines)
    data = load(folder, text, image_column="where", label_column="kind", class_names=["9", "10"])
    assert data.truth_N.tolist() == [1, 0]
    with pytest.raises(
        DataError, match=r"data\.image_column: expected a column of paths.*got a, where, kind"
    ):
        load(folder, text)
    with pytest.raises(DataError, match=r"data\.label_column: expected one of a, where.*got 'breed'"):
        load(folder, text, image_column="where", label_column="breed")


def test_without_labels_and_class_names_the_message_names_the_keys(folder):
    with pytest.raises(
        DataError, match=r"columns are path, breed. Write data.label_column=NAME; .* data.class_names=\[cat"
    ):
        load(folder, "path,breed\n1.png,a\n2.png,b\n")


def test_whole_numbers_are_positions_in_class_names(folder):
    data = load(folder, "path,class\n1.png,1\n2.png,0\n", class_names=["cat", "dog"])
    assert data.truth_N.tolist() == [1, 0]


def test_a_split_column_makes_a_test_set(folder):
    rows = ["0.png,a,train", "1.png,b,test", "2.png,b,train", "3.png,a,val", "4.png,a,Test"]
    text = "path,label,split\n" + "\n".join(rows)
    with pytest.warns(DataWarning, match=r"data\.path: the rows of val are not used; test is the test set\."):
        data = load(folder, text)
    assert data.files_N == ("0.png", "2.png")
    assert data.test_truth_T.tolist() == [1, 0]
    assert len(load(folder, text, split_column="none")) == 5
    for wrong, message in (("train,", "expected train, val or test in each row, got ''"), ("x", "got 'x'")):
        with pytest.raises(DataError, match=rf"data\.split_column: .*{message} in line 4"):
            load(folder, text.replace("2.png,b,train", f"2.png,b,{wrong.strip('train,')}"))


def test_rows_without_labels_are_for_people_all_or_none(folder):
    data = load(folder, "path,label\n1.png,\n2.png,\n", class_names=["cat", "dog"])
    assert data.truth_N is None
    some = "path,label\n1.png,cat\n2.png,\n3.png,dog\n4.png,\n"
    with pytest.raises(DataError, match=r"2 rows of 4 have none: line 3 \(2\.png\), line 5 \(4\.png\)\. "):
        load(folder, some)
    assert load(folder, some, label_column="none", class_names=["cat", "dog"]).truth_N is None
    with pytest.raises(DataError, match=r"data\.label_column=NAME; .*data\.class_names="):
        load(folder, "path\n1.png\n2.png\n")
    with pytest.raises(DataError, match=r"1 row of 1 has none: line 4 .* of the test set"):
        load(folder, "path,label,split\n1.png,a,train\n2.png,b,train\n3.png,,test")


def test_missing_and_repeated_files_are_named_and_left_out(folder):
    rows = ["1.png,a", "gone.png,b", "2.png,b", "./1.png,a", ",a", "3.png,b"]
    with pytest.warns(DataWarning) as caught:
        data = load(folder, "path,label\n" + "\n".join(rows))
    lines = [str(each.message) for each in caught]
    assert (
        "data.path: 2 rows of 6 with no file that is there, left out: line 3 (gone.png), line 6 ()." in lines
    )
    assert "data.path: 1 row of 6 with the file of an earlier row, left out: line 5 (./1.png)." in lines
    assert data.files_N == ("1.png", "2.png", "3.png")
    with pytest.raises(DataError, match=r"line 2 \(1\.png\) and line 4 differ"):
        load(folder, "path,label\n1.png,a\n2.png,b\n1.png,b\n")


def test_unreadable_and_large_images_are_left_out_as_in_a_folder(folder):
    (folder / "3.png").write_bytes(b"no image")
    Image.new("L", (60, 50)).save(folder / "4.png")
    text = "path,label\n" + "".join(f"{k}.png,{'ab'[k % 2]}\n" for k in range(9))
    with pytest.warns(DataWarning, match=r"2 of 9 image files are too large or cannot be read"):
        data = load(folder, text, max_megapixels=0.001)
    assert data.files_N == ("0.png", "1.png", "2.png", "5.png", "6.png", "7.png", "8.png")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"expected a column of paths, such as path, got none"),
        ("path,label\n", r"none of 0 rows names a file"),
        (
            "path,label\nx.png,a\ny.png,b\n",
            r"none of 2 rows names a file that is there, such as line 2 \(x\.png\)",
        ),
        ("path,label\n1.png,a\n2.png,b,c\n", r"but line 3 has 3 cells and the first line 2"),
        ("path,path\n1.png,a\n", r"two of its columns have one name"),
        ("path,image\n1.png,a\n", r"data\.image_column: expected one of path, image"),
        ("path,label\n1.png,a\n2.png,a\n", r"expected at least two classes, got 1"),
        ('path,label\n"1.png,a\n', r"expected a table in .*labels\.csv, but "),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(folder, text, message):
    with pytest.raises(DataError, match=message) as refusal:
        load(folder, text)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_table_that_is_not_there_or_no_text_is_refused(folder):
    with pytest.raises(
        DataError, match=r"data\.path: expected a table \(CSV, .*\) at .*none\.csv, found none"
    ):
        table(**SETTINGS, path=str(folder / "none.csv"))
    with pytest.raises(DataError, match=r"but it is no text in UTF-8"):
        table(**SETTINGS, path=str(folder / "1.png"))


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is not None, reason="pyarrow is installed")
def test_a_parquet_file_without_pyarrow_says_what_to_install(folder):
    with pytest.raises(DataError, match=r"pip install pyarrow"):
        load(folder, "", "labels.parquet")


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed")
def test_a_parquet_file_is_read(folder):
    import pyarrow
    from pyarrow import parquet

    columns = {"path": ["1.png", "2.png", "3.png"], "label": [2, 0, 1], "size": [1.0, None, 2.0]}
    parquet.write_table(pyarrow.table(columns), folder / "labels.parquet")
    data = table(**SETTINGS, path=str(folder / "labels.parquet"))
    assert data.truth_N.tolist() == [2, 0, 1]
    for label, message in (([2, None, 1], r"row 2 \(2\.png\)"), ([b"x"] * 3, "at least two classes")):
        parquet.write_table(pyarrow.table({**columns, "label": label}), folder / "labels.parquet")
        with pytest.raises(DataError, match=message):
            table(**SETTINGS, path=str(folder / "labels.parquet"))
    parquet.write_table(pyarrow.table({"image": [{"bytes": b"x"}]}), folder / "labels.parquet")
    with pytest.raises(DataError, match=r"expected paths, got dict in row 1.*data=huggingface"):
        table(**SETTINGS, path=str(folder / "labels.parquet"))
    (folder / "labels.parquet").write_bytes(b"PAR1 damaged")
    with pytest.raises(DataError, match=r"expected a table in .*labels\.parquet, but "):
        table(**SETTINGS, path=str(folder / "labels.parquet"))


def test_json_lines_are_a_table(folder):
    lines = '{"file_name": "1.png", "label": "dog", "more": 1}\n\n{"file_name": "0.png", "label": "cat"}\n'
    data = load(folder, lines, "metadata.jsonl")
    assert data.files_N == ("1.png", "0.png")
    assert data.truth_N.tolist() == [1, 0]
    for wrong, message in (("x", "line 3 is no JSON"), ("[1]", "line 3 is no JSON object")):
        with pytest.raises(DataError, match=rf"data\.path: expected a table in .*, but {message}"):
            load(folder, lines.replace('{"file_name": "0.png", "label": "cat"}', wrong), "metadata.jsonl")


def test_a_list_of_paths_has_no_labels(folder):
    text = f"2.png\n\n{folder / '1.png'}\r\n0.png"
    data = load(folder, text, "list.txt", class_names=["cat", "dog"])
    assert data.files_N == ("2.png", str(folder / "1.png"), "0.png")
    assert data.truth_N is None
    assert load(folder, "path;label\n1.png;a\n2.png;b", "table.txt").truth_N.tolist() == [0, 1]
    assert load(folder, "path\n1.png\n2.png", "table.txt", class_names=["a", "b"]).files_N == (
        "1.png",
        "2.png",
    )


def task(image, *annotations, **more):
    return {"data": {"image": image}, "annotations": list(annotations), **more}


def annotation(*names, **facts):
    result = [{"from_name": "x", "to_name": "image", "type": "choices", "value": {"choices": list(names)}}]
    return {"result": result if names else [], **facts}


def test_the_newest_annotation_of_a_task_is_its_label(folder, monkeypatch):
    (folder / "deep").mkdir()
    monkeypatch.setenv("LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT", str(folder.parent))
    predicted = {"predictions": [annotation("cat", score=0.9)]}
    tasks = [
        task("1.png", annotation("dog", created_at="2026-02-01"), annotation("cat", created_at="2026-01-01")),
        task(f"/data/local-files/?d={folder.name}/2.png", annotation("cat"), **predicted),
        task("/data/upload/7/a1b2c3d4-3.png", annotation("dog")),
        task(f"file://{folder}/4.png", annotation("dog")),
        task("https://example.org/5.png", annotation("dog")),
    ]
    with pytest.warns(DataWarning, match=r"1 row of 5 with no file that is there, left out: task 5 \(https"):
        data = load(folder, json.dumps(tasks), "tasks.json")
    assert [path.name for path in data.paths_N] == ["1.png", "2.png", "3.png", "4.png"]
    assert [data.class_names[k] for k in data.truth_N] == ["dog", "cat", "dog", "dog"]
    monkeypatch.delenv("LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT")  # then in a folder above the tasks
    assert len(load(folder, json.dumps(tasks[:4]), "tasks.json")) == 4


def test_tasks_without_an_annotation_are_for_people(folder):
    tasks = [task("1.png", annotation("dog")), task("2.png", annotation(was_cancelled=True)), task("3.png")]
    with pytest.raises(
        DataError, match=r"2 rows of 3 have none: task 2 .*oracle\.answers_from=FILE takes over"
    ):
        load(folder, json.dumps(tasks), "tasks.json")
    data = load(folder, json.dumps(tasks), "tasks.json", label_column="none", class_names=["cat", "dog"])
    assert (len(data), data.truth_N) == (3, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"data": {}}, "it is no list of tasks of Label Studio"),
        ([task("1.png", annotation("cat", "dog"))], "an annotation names the classes cat, dog"),
    ],
)
def test_json_that_is_no_list_of_tasks_is_refused(folder, content, message):
    with pytest.raises(DataError, match=message):
        load(folder, json.dumps(content), "tasks.json")
