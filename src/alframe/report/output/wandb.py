"""Log a comparison of trials as one W&B run, for use in W&B reports beside the trials' own curves."""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf

from alframe.config.validate import conf_directory
from alframe.core.file_names import sync_line
from alframe.report.document import Picture, Report, Table
from alframe.tracking.run_config import clipped
from alframe.tracking.wandb_environment import Mode
from alframe.tracking.wandb_run import check_login, open_run, staged_in

JOB_TYPE = "comparison"
KEY = "--wandb-mode"
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_NOTHING = ("", "-", "–")  # empty cells in a column of numbers


@dataclass(frozen=True, kw_only=True)
class Account:
    """The W&B project of the trials, its account or team (None: the default), and the group."""

    project: str
    entity: str | None
    group: str | None


def account_of(configs: Sequence[Mapping[str, Any]], directory: Path) -> Account:
    """Return the W&B account of the trials, to which the comparison is logged too.

    Args:
        configs: contents of the trials' config.yaml; the first with a W&B project decides.
        directory: of the sweep; its name is the group unless the trials name another.
    """
    logged = (dict(config.get("tracker") or {}) for config in configs)
    tracker = next((each for each in logged if each.get("project")), None) or _default_tracker()
    return Account(
        project=tracker["project"],
        entity=tracker.get("entity"),
        group=tracker.get("group") or directory.resolve().name,
    )


def log_comparison(
    report: Report,
    *,
    account: Account,
    mode: Mode,
    directory: Path,
    trials: Table,
    page: Path | None = None,
) -> str:
    """Log a comparison as one W&B run and return a line with its address or the sync command.

    Tables become W&B tables (numbers stay numbers), pictures become images, and the page is shown and
    stored as an artifact. Each call makes a new run of job type "comparison".

    Args:
        report: the tables and pictures.
        account: of the trials, see `account_of`.
        mode: "offline" (files under wandb/ in `directory`) or "online".
        directory: created if missing.
        trials: a row for each trial, for charts on W&B.
        page: the report as one HTML file.

    Raises:
        UserError: mode is online and W&B has no account or cannot be reached.
    """
    if mode == "online":
        check_login(KEY)
    directory.mkdir(parents=True, exist_ok=True)
    with staged_in(directory):
        run = open_run(
            mode=mode,
            directory=directory,
            key=KEY,
            way_out=f"Write {KEY}=offline.",
            project=account.project,
            entity=account.entity,
            group=clipped(account.group),
            job_type=JOB_TYPE,
            name=clipped(report.title),
            notes="\n".join(report.warnings),
            config={name.replace(".", "/"): _plain(value) for name, value in report.facts},
        )
        with run:
            run.log(_content(report, trials))
            if page is not None:
                _log_page(run, page)
    return f"On W&B: {run.url}" if mode == "online" else sync_line(directory)[0]


def _content(report: Report, trials: Table) -> dict[str, Any]:
    """Return the tables and pictures by their W&B keys."""
    content = {"tables/trials": as_wandb_table(trials)}
    for part in (part for section in report.sections for part in section.parts):
        if isinstance(part, Table):
            content.setdefault(f"tables/{part.name}", as_wandb_table(part))
        else:
            content[f"pictures/{part.name}"] = _image(part)
    return content


def as_wandb_table(table: Table) -> Any:
    """Return a `wandb.Table`; columns of plain numbers and empty cells hold numbers and None."""
    import wandb

    columns = [numbers(column) or list(column) for column in zip(*table.rows, strict=True)]
    return wandb.Table(columns=list(table.head), data=[list(row) for row in zip(*columns, strict=True)])


def numbers(cells: Sequence[str]) -> list[float | None] | None:
    """Return the numbers of a column, None for empty cells; None if the column is not of numbers.

    >>> numbers(["1,447", "0.24", "-"])
    [1447.0, 0.24, None]
    >>> numbers(["0.24 (0.21 to 0.27)", "0.3"])
    """
    found = [None if cell in _NOTHING else _plain(cell) for cell in cells]
    if any(isinstance(each, str) for each in found) or all(each is None for each in found):
        return None
    return [None if each is None else float(each) for each in found]


def _plain(cell: str) -> float | str:
    """Return a text as a number if it is one, also "1,447"; other texts unchanged."""
    try:
        return float(cell.replace(",", "") if _THOUSANDS.fullmatch(cell) else cell)
    except ValueError:
        return cell


def _image(picture: Picture) -> Any:
    import wandb
    from PIL import Image

    caption = f"{picture.title}. {picture.note}".strip() if picture.note else picture.title
    with Image.open(io.BytesIO(picture.png)) as image:
        return wandb.Image(image, caption=caption)


def _log_page(run: Any, page: Path) -> None:
    import wandb

    with page.open(encoding="utf-8") as file:
        run.log({"report": wandb.Html(file, inject=False)})
    artifact = wandb.Artifact(f"{JOB_TYPE}-{run.id}", type=JOB_TYPE)
    artifact.add_file(str(page), name=page.name)
    run.log_artifact(artifact)


def _default_tracker() -> dict[str, Any]:
    node = OmegaConf.load(conf_directory() / "tracker" / "wandb.yaml")
    return cast("dict[str, Any]", OmegaConf.to_container(node, resolve=True))
