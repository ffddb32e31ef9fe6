"""Links from a key or an option in backticks, anywhere on the site, to the place that describes it."""

import re
from functools import cache
from pathlib import Path

from conf_files import Key, read

# The folders of conf/ whose files are options, in the order in which a trial uses them.
GROUPS = (
    "data",
    "initial",
    "query",
    "oracle",
    "auto_label",
    "learner",
    "network",
    "stopping",
    "tracker",
    "hydra/launcher",
)
FOLDER = "reference/config"
# Not changed: blocks of code, headings, and existing links.
_KEPT = re.compile(
    r"```.*?```|^#[^\n]*$|!?\[[^\]\n]*\](?:\([^)\n]*\)|\[[^\]\n]*\])", re.DOTALL | re.MULTILINE
)


def group_page(group: str) -> str:
    """Return the path of a group's page."""
    return f"{FOLDER}/{group.rpartition('/')[2]}/index.md"


def option_page(group: str, option: str) -> str:
    """Return the path of an option's page."""
    return f"{FOLDER}/{group.rpartition('/')[2]}/{option}.md"


def typed(group: str, key: Key) -> str:
    """Return a key as it is typed, such as "query.spread"; `group` is empty for a key of every trial."""
    return f"{group.replace('/', '.')}.{key.name}" if group else key.name


@cache
def key_links(conf: Path) -> dict[str, str]:
    """Return the place that describes each key and each option, as a path below docs/ with an anchor.

    A key of several options is described on the page of its group if they share it, else with the first.
    """
    links = {key.name: f"{FOLDER}/index.md#{key.name}" for key in read(conf / "config.yaml").keys}
    default = {group: option for group, (option, _) in read(conf / "config.yaml").chosen.items()}
    for group in GROUPS:
        files = sorted((conf / group).glob("*.yaml"), key=lambda path: path.stem != default.get(group))
        for path in files:
            page = option_page(group, path.stem)
            links[f"{group}={path.stem}"] = page
            for key in read(path).keys:
                name = typed(group, key)
                links.setdefault(name, f"{group_page(group) if key.is_shared else page}#{name}")
    return links


def with_links(text: str, path: str, links: dict[str, str]) -> str:
    """Return a page on which the first mention of each key or option links to its description.

    Args:
        text: the page as Markdown. path: its path below docs/.
        links: of `key_links`. Names of one word, such as `seed`, are linked on the pages of conf/ alone.
    """
    done: set[str] = set()

    def linked(code: re.Match[str]) -> str:
        name = code.group(1)
        target = links.get(name) or links.get(name.partition("=")[0])
        bare = not re.search(r"[.=]", name) and not path.startswith(FOLDER)
        if target is None or bare or target in done or target.partition("#")[0] == path:
            return code.group(0)
        done.add(target)
        return f"[{code.group(0)}]({'../' * path.count('/')}{target})"

    pieces, last = [], 0
    for block in _KEPT.finditer(text):
        pieces += [re.sub(r"`([^`\n]+)`", linked, text[last : block.start()]), block.group(0)]
        last = block.end()
    return "".join([*pieces, re.sub(r"`([^`\n]+)`", linked, text[last:])])
