"""What Label Studio's own package says of our tasks, and tasks that it writes; runs where it is installed.

PYTHON label_studio_checks.py read FOLDER    check tasks.json and label_config.xml; print labels and files
PYTHON label_studio_checks.py write FOLDER   write tasks and exports with its types and its converter
"""

import json
import sys
from pathlib import Path
from typing import Any

from label_studio_sdk._extensions.label_studio_tools.core.utils.io import get_local_path
from label_studio_sdk.converter import Converter
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.objects import AnnotationValue, PredictionValue, TaskValue
from label_studio_sdk.types import Annotation

CONFIG = """<View><Image name="image" value="$image"/><Choices name="choice" toName="image">
<Choice value="cat"/><Choice value="dog"/></Choices></View>"""


def read(folder: Path) -> dict[str, Any]:
    """Return the labels and files that the package reads from an export; raise if it finds a mistake."""
    config, tasks = (folder / "label_config.xml").read_text(), json.loads((folder / "tasks.json").read_text())
    interface = LabelInterface(config)
    interface.validate()
    for task in tasks:
        assert all(task["data"].get(each.value_name) for each in interface.objects), task
        for annotation in task["annotations"]:
            assert interface.validate_annotation(annotation), annotation
            Annotation(**{key: each for key, each in annotation.items() if key != "completed_by"})
        for prediction in task["predictions"]:
            assert interface.validate_prediction(prediction, return_errors=True) == [], prediction
            PredictionValue(**prediction)
    converter = Converter(config, project_dir=str(folder))
    for kind in ("JSON", "JSON_MIN", "CSV"):
        converter.convert(str(folder / "tasks.json"), str(folder / kind), kind, is_dir=False)
    rows = json.loads((folder / "JSON_MIN" / "result.json").read_text())
    files = [get_local_path(task["data"]["image"], download_resources=False) for task in tasks]
    return {
        "classes": next(iter(interface.controls)).labels,
        "labels": {row["index"]: row.get("label") for row in rows},
        "files": {task["data"]["index"]: file for task, file in zip(tasks, files, strict=True)},
    }


def write(folder: Path) -> dict[str, Any]:
    """Write tasks with the package's types, and its exports of them, into a folder of images."""
    interface = LabelInterface(CONFIG)
    tasks = []
    for number, (label, given) in enumerate([("cat", True), ("dog", True), ("dog", False)]):
        result = [each._dict() for each in interface.create_regions({"choice": label})]
        annotation = AnnotationValue(completed_by=7, result=result).model_dump()
        prediction = PredictionValue(model_version="theirs", score=0.75, result=result)
        data = {"image": f"/data/local-files/?d={folder.name}/{number}.png"}
        task = TaskValue(data=data, predictions=[] if given else [prediction]).model_dump()
        annotations = [{**annotation, "id": number, "created_at": "2026-03-04T05:06:07.5Z"}] if given else []
        tasks.append({**task, "id": number, "annotations": annotations})
    (folder / "tasks.json").write_text(json.dumps(tasks))
    for kind in ("JSON", "JSON_MIN"):
        out = folder / f"as_{kind.lower()}"
        Converter(CONFIG, project_dir=str(folder)).convert(
            str(folder / "tasks.json"), str(out), kind, is_dir=False
        )
        (out / "result.json").replace(folder / f"{kind.lower()}.json")
    return {"version": __import__("label_studio_sdk").__version__}


if __name__ == "__main__":
    print(json.dumps({"read": read, "write": write}[sys.argv[1]](Path(sys.argv[2]))))
