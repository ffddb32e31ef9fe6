"""Read the files of conf/: the purpose, the keys, their defaults and their descriptions.

The format of a file is:

- the first block of comments describes the file;
- the comment above a key, or behind it on its line, describes the key;
- `_target_` names the class, and `defaults` the files whose keys this one shares.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import yaml


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key of a file.

    Attributes:
        name: dotted, inside the file, such as "imbalance.kind".
        default: its value as written in the file; empty for a mapping whose entries are keys themselves.
        description: its comment as Markdown on one line, empty if it has none.
        file: the file that describes it: its own, or a shared one such as conf/_amount.yaml.
    """

    name: str
    default: str
    description: str
    file: Path

    @property
    def is_shared(self) -> bool:
        """True if a file that several options share describes it."""
        return self.file.name.startswith("_")


@dataclass(frozen=True, kw_only=True)
class ConfFile:
    """One file of conf/, with the keys of the files that it shares.

    Attributes:
        path: the file.
        head: the lines of its first comment, without "# ".
        keys: in the order of the file, those of shared files last.
        targets: the class of each mapping that has one, by the dotted name of the mapping ("" for the file).
        chosen: the option of each config group in `defaults` and the comment behind it, by group.
        alias: the option of the same group that this file is another name of, or None.
    """

    path: Path
    head: tuple[str, ...]
    keys: tuple[Key, ...]
    targets: dict[str, str | None]
    chosen: dict[str, tuple[str, str]]
    alias: str | None

    @property
    def paragraphs(self) -> list[str]:
        """The paragraphs of the head, each on one line."""
        return [" ".join(block.split()) for block in "\n".join(self.head).split("\n\n") if block.strip()]


@cache
def read(path: Path) -> ConfFile:
    """Return a file of conf/ together with the files that it shares.

    Args:
        path: the file, below the folder of all config groups.
    """
    lines = path.read_text().splitlines()
    root = yaml.compose("\n".join(lines))
    chosen, shared, alias = {}, [], None
    keys, targets = [], {}
    for name, key_node, node in _walk(root):
        comment = _comment(lines, key_node, node)
        if name == "defaults":
            chosen = _chosen(lines, node)
            shared = [item.value for item in node.value if isinstance(item, yaml.ScalarNode)]
        elif name.rpartition(".")[2] == "_target_":
            targets[name.rpartition(".")[0]] = None if node.value in ("null", "") else node.value
        elif _is_key(name) and (comment or not _is_mapping(node)):
            default = "" if _is_mapping(node) else _text(lines, node)
            keys.append(Key(name=name, default=default, description=comment, file=path))
    own = ConfFile(
        path=path, head=_head(lines), keys=tuple(keys), targets=targets, chosen=chosen, alias=alias
    )
    for entry in shared:
        own = _with_shared(own, entry)
    return own


def _with_shared(own: ConfFile, entry: str) -> ConfFile:
    """Return a file with the keys of one entry of its `defaults`, such as "/_final@final" or "validated"."""
    name, _, package = entry.partition("@")
    path = _shared_path(own.path, name)
    if path is None:
        return own
    other = read(path)
    prefix = "" if package in ("", "_here_") else f"{package}."
    there = {f"{prefix}{key.name}": replace(key, name=f"{prefix}{key.name}") for key in other.keys}
    keys = [_described(key, there.get(key.name)) for key in own.keys]
    known = {key.name for key in keys}
    return replace(
        own,
        keys=(*keys, *(key for name, key in there.items() if name not in known)),
        targets=own.targets if prefix or own.targets else other.targets,
        alias=None if name.startswith("/") or own.targets else name,
    )


def _shared_path(path: Path, name: str) -> Path | None:
    """Return the file that an entry of `defaults` names; None for `_self_`, Hydra's own and whole trials."""
    if path.parent.name in ("experiment", "sweep", "policy") or name == "_self_":
        return None
    conf = next(parent for parent in path.parents if (parent / "config.yaml").exists())
    shared = conf / f"{name[1:]}.yaml" if name.startswith("/") else path.parent / f"{name}.yaml"
    return shared if shared.exists() else None


def _described(key: Key, other: Key | None) -> Key:
    """Return a key with the description that a shared file gives, unless its own file describes it."""
    if key.description or other is None:
        return key
    return replace(key, description=other.description, file=other.file)


def _walk(node: yaml.Node, prefix: str = "") -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Yield the dotted name, the key and the value of every entry, a mapping before its own entries."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        yield name, key, value
        if _is_mapping(value):
            yield from _walk(value, f"{name}.")


def _is_key(name: str) -> bool:
    """Return True if a name is a setting: not Hydra's `_partial_`, not the text of `alframe --help`."""
    return not name.endswith("_partial_") and not name.startswith("hydra.help")


def _is_mapping(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode) and not node.flow_style


def _head(lines: list[str]) -> tuple[str, ...]:
    head = []
    for line in lines:
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            head.append(line.removeprefix("#").removeprefix(" "))
    return tuple(head)


def _comment(lines: list[str], key: yaml.Node, value: yaml.Node) -> str:
    """Return the comment above a key and the one behind it, on one line."""
    row, column = key.start_mark.line, key.start_mark.column
    above: list[str] = []
    while row > 0 and re.match(rf" {{{column}}}#", lines[row - 1]):
        row -= 1
        above.insert(0, lines[row].strip().lstrip("#"))
    if row == 0:
        above = []  # the comment of the file
    end = key.end_mark if _is_mapping(value) else value.end_mark
    behind = re.search(r"\s#\s(.*)", lines[end.line][end.column :]) if end.line == key.end_mark.line else None
    return " ".join(" ".join([*above, behind.group(1) if behind else ""]).split())


def _chosen(lines: list[str], node: yaml.Node) -> dict[str, tuple[str, str]]:
    """Return the option and the comment of each config group that a list of defaults names."""
    chosen = {}
    for item in node.value:
        if isinstance(item, yaml.MappingNode):
            key, value = item.value[0]
            chosen[key.value.removeprefix("override ").removeprefix("/")] = (
                value.value,
                _comment(lines, key, value),
            )
    return chosen


def _text(lines: list[str], node: yaml.Node) -> str:
    start, end = node.start_mark, node.end_mark
    if start.line != end.line:
        return " ".join(
            " ".join([lines[start.line][start.column :], *lines[start.line + 1 : end.line]]).split()
        )
    return lines[start.line][start.column : end.column].strip()
