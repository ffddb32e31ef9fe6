"""Hooks of the documentation site (mkdocs.yml): pages that are generated when the site is built."""

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from alframe.config.validate import conf_directory
from config_pages import GROUPS, config_pages, group_page, option_page, options

_GENERATED = "generated"  # the entry of `nav` in mkdocs.yml that stands for these pages


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
    return files


def _nav() -> list[dict[str, Any]]:
    conf: Path = conf_directory()
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
