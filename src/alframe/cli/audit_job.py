"""The job of `alframe-audit`: a composed config and Hydra's choices become one audit in its directory."""

import warnings
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from alframe.auditing.audit_lines import closing_lines
from alframe.auditing.audit_request import AuditRequest
from alframe.auditing.begun_audit import finished_audit
from alframe.auditing.run_audit import run_label_audit
from alframe.cli.command_record import command_recorded
from alframe.cli.interrupts import two_step_interrupts
from alframe.cli.job import config_of, find_own_packages, format_warning
from alframe.cli.sweep import Launch
from alframe.config.compose import named_choices
from alframe.core.errors import UserError
from alframe.core.file_names import shown
from alframe.page.settings import page_settings, without_page
from alframe.tracking import ConsoleTracker

_LINE = "the audit ends after this batch"


def run_audit_job(node: DictConfig, launch: Launch) -> None:
    """Run the audit of a composed config. In a sweep, a finished one is passed over.

    Raises:
        UserError: a mistake in the settings, the labels or the data; or a sweep with another launcher.
        TrialError, AnswersNeeded, KeyboardInterrupt: as `run_label_audit`.
    """
    warnings.formatwarning = format_warning
    state, config = HydraConfig.get(), config_of(node)
    directory = Path(state.runtime.output_dir)
    find_own_packages(config)
    if state.mode == RunMode.MULTIRUN:
        if not launch.in_this_process():
            raise UserError(
                "hydra/launcher: expected the default one: audits of a sweep run one after the other. Leave "
                "it out."
            )
        if finished_audit(directory, config) is not None:
            return
    console = ConsoleTracker()

    def say(line: str) -> None:
        console.close_bar()
        print(line, flush=True)

    page = None if state.mode == RunMode.MULTIRUN else page_settings(config)
    with two_step_interrupts(_LINE) as stop_wanted, command_recorded(directory, node):
        request = AuditRequest(
            config=without_page(config),
            directory=directory,
            name=" ".join(state.overrides.task) or "defaults",
            group=Path(state.sweep.dir).name if state.mode == RunMode.MULTIRUN else None,
            choices=named_choices(state.runtime.choices, state.overrides.task),
            stop_wanted=stop_wanted,
            say=say,
            progress=console.progress,
        )
        if page is None:
            summary = run_label_audit(request)
        else:
            from alframe.cli.audit_page import run_audit_on_page  # needs the packages of the page

            summary = run_audit_on_page(request, page, stop_wanted)
    for line in closing_lines(summary, Path(shown(directory))):
        say(line)
