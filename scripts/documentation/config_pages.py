"""Pages of the reference that are made from conf/: options, groups and the keys of every trial."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from conf_files import ConfFile, Key, read
from key_links import FOLDER, GROUPS, group_page, option_page, typed
from key_ranges import range_of
from page_text import page, plain, table
from trial_pages import header_of

# The default option and the purpose of the groups that conf/config.yaml does not choose from.
_HYDRA_GROUPS = {
    "hydra/launcher": ("basic", "how the trials of a sweep run: one after the other, or several at once")
}
_OWN_CLASSES = re.compile(r"alframe\.(query|auto_label|oracle|stopping|learner)\.\w+$")


def config_pages(conf: Path) -> dict[str, str]:
    """Return the Markdown of every page by its path below docs/.

    Args:
        conf: the folder of all config groups.
    """
    pages = {f"{FOLDER}/index.md": _trial_page(conf)}
    for group in GROUPS:
        pages[group_page(group)] = _group_page(conf, group)
        for file in options(conf, group):
            pages[option_page(group, file.path.stem)] = _option_page(conf, group, file)
    return pages


def options(conf: Path, group: str) -> list[ConfFile]:
    """Return the files of a group, its default first and the others in the order of their names."""
    default = default_of(conf, group)
    files = sorted((conf / group).glob("*.yaml"), key=lambda path: (path.stem != default, path.stem))
    return [read(path) for path in files]


def default_of(conf: Path, group: str) -> str:
    """Return the option of a group that a trial takes by default."""
    return _choice(conf, group)[0]


def _choice(conf: Path, group: str) -> tuple[str, str]:
    """Return the default option and the purpose of a group."""
    return _HYDRA_GROUPS.get(group) or read(conf / "config.yaml").chosen[group]


def _trial_page(conf: Path) -> str:
    file = read(conf / "config.yaml")
    groups = [
        (f"[`{group}`]({group.rpartition('/')[2]}/index.md)", f"`{default_of(conf, group)}`", comment)
        for group in GROUPS
        for comment in [plain(_purpose(conf, group))]
    ]
    return page(
        "Keys of every trial",
        "A setting is typed as `key=value`, such as `seed=3`. A group is typed as `group=option`, such as "
        "`query=badge`: the option brings keys of its own. `alframe --cfg job` prints every key with its "
        "value.",
        "## Groups",
        table(("group", "default", "what it chooses"), groups),
        "[Experiments](../experiments.md) set many keys at once, [sweeps](../sweeps.md) run many trials.",
        "## Keys",
        *_keys("", file.keys),
    )


def _purpose(conf: Path, group: str) -> str:
    return _choice(conf, group)[1]


def _group_page(conf: Path, group: str) -> str:
    files = options(conf, group)
    default = default_of(conf, group)
    rows = [
        (
            f"[`{file.path.stem}`]({file.path.stem}.md)"
            + (", the default" if file.path.stem == default else ""),
            plain(_first_sentence(file)),
        )
        for file in files
    ]
    shared = _shared(files)
    return page(
        f"{group}: {_purpose(conf, group)}",
        f"Type `{group}=OPTION`. The default is `{default}`.",
        table(("option", "what it does"), rows),
        *(["## Keys of several options", *_keys(group, shared)] if shared else []),
    )


def _shared(files: Iterable[ConfFile]) -> list[Key]:
    """Return the keys of shared files, such as conf/_amount.yaml, each once."""
    keys = {key.name: key for file in files for key in file.keys if key.is_shared}
    defaults = {name: {k.default for file in files for k in file.keys if k.name == name} for name in keys}
    return [key for name, key in keys.items() if defaults[name]]


def _option_page(conf: Path, group: str, file: ConfFile) -> str:
    keys = () if file.alias else file.keys  # another name has no page of keys of its own
    own = [key for key in keys if not key.is_shared]
    shared = [key for key in keys if key.is_shared and key.default]
    rows = [(f"`{typed(group, key)}`", f"`{key.default}`", _range(group, key)) for key in shared]
    return page(
        f"{group}={file.path.stem}",
        *(plain(paragraph) for paragraph in _prose(file)),
        f"```\n{_command(conf, group, file)}\n```",
        *(f"Needs: `{lines[0]}`" for name, lines in header_of(file.head).fields if name == "needs"),
        *_classes(file),
        *(["## Keys", *_keys(group, own)] if own else []),
        *(
            [
                "## Keys shared with other options { data-search-exclude }",
                f"[{group}](index.md#keys-of-several-options) describes them.",
                table(("key", "default here", "takes"), rows),
            ]
            if rows
            else []
        ),
    )


def _command(conf: Path, group: str, file: ConfFile) -> str:
    """Return a command: the option, the keys that it requires, and one key as an example."""
    commands = [lines for name, lines in header_of(file.head).fields if name == "command"]
    if commands:
        return "\n".join(commands[0])
    needed = [f"{typed(group, key)}=PATH" for key in file.keys if key.default == "???"]
    plain = [key for key in file.keys if key.default and re.fullmatch(r"[\w.+-]+", key.default)]
    example = [
        f"{typed(group, key)}={key.default}" for key in plain if key.default not in ("null", file.path.stem)
    ]
    return " ".join([f"alframe {group}={file.path.stem}", *needed, *example[:1]])


def _classes(file: ConfFile) -> Iterator[str]:
    for name, target in file.targets.items():
        if target is not None and not target.startswith("hydra."):
            shown = f"[`{target}`][{target}]" if _OWN_CLASSES.match(target) else f"`{target}`"
            yield f"{'Class' if not name else f'Class of `{name}`'}: {shown}"


def _keys(group: str, keys: Iterable[Key]) -> Iterator[str]:
    for key in keys:
        name = typed(group, key)
        yield f"### `{name}` {{ #{name} }}"
        if key.default:
            takes = _range(group, key)
            default = "no default: it must be given" if key.default == "???" else f"default `{key.default}`"
            yield f"{default}{f'; takes {takes}' if takes else ''}\n{{ .key-facts }}"
        if key.description:
            yield plain(key.description)


def _range(group: str, key: Key) -> str:
    return plain(range_of(typed(group, key)).replace("1048576", "2^20"))


def _prose(file: ConfFile) -> list[str]:
    """Return the paragraphs of a head without its fields (command, needs ...)."""
    return header_of(file.head).paragraphs


def _first_sentence(file: ConfFile) -> str:
    text = " ".join(_prose(file)) or file.path.stem
    return re.split(r"(?<=[.:])\s+(?=[A-Z])", text)[0].rstrip(":") if text else ""
