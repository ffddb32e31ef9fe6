"""Hooks of the documentation site (mkdocs.yml): the parts that are generated when the site is built.

A line "{{ name: arguments }}" in a page is replaced by the result of that function in `_PARTS`.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from alframe.cli.export import argument_parser as export_parser
from alframe.cli.label import argument_parser as label_parser
from alframe.config.validate import conf_directory
from alframe.exchange.tables import COLUMNS
from alframe.report.main import argument_parser as report_parser
from command_options import options_of
from config_pages import config_pages, options
from key_links import GROUPS, group_page, key_links, option_page, with_links
from page_text import plain, table
from python_source import exit_codes, fields_of, logged_keys, names_of_files
from trial_pages import policies, trials

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "alframe"
_GENERATED = "generated"  # the entry of `nav` in mkdocs.yml that the pages of conf/ replace
# Files at the root of the repository that are pages of the site too.
_ROOT_PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
_PART = re.compile(r"^\{\{ (\w+)(?:: (.*?))? \}\}$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the generated pages into the navigation."""
    assert config.nav is not None
    for part in config.nav:
        if isinstance(part, dict) and "Reference" in part:
            part["Reference"] = [
                each for entry in part["Reference"] for each in (_nav() if entry == _GENERATED else [entry])
            ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for path, text in config_pages(conf_directory()).items():
        files.append(File.generated(config, path, content=text))
    for name, path in _ROOT_PAGES.items():
        files.append(File.generated(config, path, content=from_root((ROOT / name).read_text())))
    return files


def from_root(text: str) -> str:
    """Return a file at the root of the repository as a page; names of files that are no page have no link."""

    def link(found: re.Match[str]) -> str:
        label, target = found.groups()
        path, anchor = re.match(r"([^#]*)(.*)", target).groups()  # type: ignore[union-attr]
        if "://" in target or not path:
            return found.group(0)
        if path in _ROOT_PAGES or path.startswith("docs/"):
            return f"[{label}]({_ROOT_PAGES.get(path, path.removeprefix('docs/'))}{anchor})"
        return label if label.startswith("`") else f"`{path}`"

    return re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", link, text)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return a page with its generated parts, and with links to the keys that it mentions."""
    text = _PART.sub(lambda part: _PARTS[part.group(1)](*(part.group(2) or "").split()), markdown)
    return with_links(text, page.file.src_uri, key_links(conf_directory()))


def _nav() -> list[dict[str, Any]]:
    conf = conf_directory()
    groups = [
        {
            group: [
                group_page(group),
                *({file.path.stem: option_page(group, file.path.stem)} for file in options(conf, group)),
            ]
        }
        for group in GROUPS
    ]
    return [{"Config": ["reference/config/index.md", *groups]}]


def _fields(module: str, name: str) -> str:
    rows = [
        (f"`{field.name}`", f"`{field.type}`".replace("|", "or"), plain(field.description))
        for field in fields_of(SOURCE / module, name)
    ]
    return table(("name", "type", "meaning"), rows)


def _files() -> str:
    rows = [(f"`{name}`", plain(text)) for name, text in names_of_files(SOURCE / "core" / "file_names.py")]
    return table(("file or folder", "content"), rows)


def _logged() -> str:
    described = {
        field.name: field.description
        for module, name in (("core/trial_summary.py", "TrialSummary"), ("core/reports.py", "RoundRow"))
        for field in fields_of(SOURCE / module, name)
    }
    rows = [
        (f"`{key}`", plain(described[column]))
        for key, column in logged_keys(SOURCE / "tracking" / "round_metrics.py")
    ]
    return table(("key", "meaning"), rows)


def _exit_codes(module: str) -> str:
    rows = [(f"`{code}`", plain(meaning)) for code, meaning in exit_codes(SOURCE / module)]
    return table(("exit code", "meaning"), rows)


def _gpu_sessions() -> str:
    pages = sorted((ROOT / "results" / "gpu").glob("*/session.md"), reverse=True)
    parts = [f"## Session {page.parent.name}\n\n{page.read_text()}" for page in pages]
    return "\n\n".join(parts) or "No session has been run yet."


_PARTS: dict[str, Callable[..., str]] = {
    "fields": _fields,
    "files": _files,
    "logged": _logged,
    "exit_codes": _exit_codes,
    "options_of_report": lambda: options_of(report_parser()),
    "options_of_export": lambda: options_of(export_parser()),
    "options_of_label": lambda: options_of(label_parser()),
    "export_columns": lambda: table(("column", "meaning"), [(f"`{k}`", v) for k, v in COLUMNS.items()]),
    "trials": lambda folder: trials(conf_directory() / folder),
    "gpu_sessions": _gpu_sessions,
    "policies": lambda: policies(conf_directory() / "sweep" / "policy"),
}
