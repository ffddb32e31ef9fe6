"""Read parts of the reference from the source text of alframe, without importing torch."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Field(NamedTuple):
    """A field of a record: its name, its type and its description in the docstring (empty if it has none)."""

    name: str
    type: str
    description: str


def fields_of(path: Path, name: str) -> list[Field]:
    """Return the fields of a dataclass, in order.

    Args:
        path: the module. name: the class, whose docstring describes the fields under "Attributes:", as
            "one: text." or "one, two: text. three: text."
    """
    node = next(each for each in ast.parse(path.read_text()).body if getattr(each, "name", "") == name)
    assert isinstance(node, ast.ClassDef)
    annotated = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    types = {ast.unparse(each.target): ast.unparse(each.annotation) for each in annotated}
    text = " ".join((ast.get_docstring(node) or "").partition("Attributes:")[2].split())
    described: dict[str, str] = {}
    pattern = re.compile(rf"(?:^|(?<=[.;] ))((?:{'|'.join(types)})(?:, (?:{'|'.join(types)}))*): ")
    pieces = pattern.split(text)[1:]
    for names, description in zip(pieces[::2], pieces[1::2], strict=True):
        described |= dict.fromkeys(names.split(", "), description.strip().rstrip(";"))
    return [Field(field, kind, described.get(field, "")) for field, kind in types.items()]


def names_of_files(path: Path) -> list[tuple[str, str]]:
    """Return the file names that a module defines as NAME = "file"  # description, with the descriptions."""
    return re.findall(r'^(?!KEY)[A-Z_]+ = "([\w.*-]+)"  # (.+)$', path.read_text(), flags=re.MULTILINE)


def logged_keys(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each key that trackers log for a round, with the column of rounds.csv that holds the same figure.

    Args:
        path: the module whose function `metrics` makes a dictionary of them.
    """
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Dict):
            continue
        for key, value in zip(node.keys, node.values, strict=True):
            figure = value.body if isinstance(value, ast.IfExp) else value
            if isinstance(key, ast.Constant) and isinstance(figure, ast.Attribute):
                of_a_fit = isinstance(figure.value, ast.Name) and figure.value.id == "fit"
                yield str(key.value), f"train_{figure.attr}" if of_a_fit else figure.attr


def exit_codes(path: Path) -> list[tuple[str, str]]:
    """Return exit codes and meanings from the line "Exit codes: 0 done; 1 ..." of a module's docstring."""
    text = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
    codes = text.partition("Exit codes: ")[2].rstrip(".")
    return re.findall(r"(\d+) ([^;]+)", codes)
