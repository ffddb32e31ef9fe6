"""The `alframe-audit` command: finds wrong labels in a given label set, mends them, and proves the rest.

Exit codes: 0 done, or waiting for answers; 1 the audit failed; 2 a mistake in the command, its settings or
the labels; 130 Ctrl-C; 143 SIGTERM.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from alframe.cli.exit_codes import exit_code, print_error
from alframe.cli.hydra_command import begin_command, run_hydra, run_hydra_alone
from alframe.cli.interrupts import two_step_interrupts
from alframe.cli.job import config_of, find_own_packages, format_warning
from alframe.cli.output_directory import run_target
from alframe.cli.sweep import Launch
from alframe.config.command_line import check_command_line, with_overrides
from alframe.config.compose import named_choices
from alframe.core.errors import UserError
from alframe.core.file_names import shown

COMMAND = "alframe-audit"
_KEYS = ["+hydra/command=audit"]  # adds the keys of this command to those of a trial
_LINE = "the audit ends after this batch"


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    sys.exit(_run(begin_command(COMMAND, arguments)))


def _run(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    begun: list[str] = []
    try:
        whole = with_overrides(arguments, _KEYS)
        line = check_command_line(whole)
        if line is None:
            return run_hydra_alone(whole, _run_job, begun)
        target = run_target(line)
        if target.sweep is None and target.trial is not None and _finished_before(target.trial, line.config):
            return 0
        run_hydra(with_overrides(whole, target.overrides), _run_job, begun, target.n_trials)
    except BaseException as error:
        code = exit_code(error, bool(begun), COMMAND)
        if begun and code in (130, 143):
            print_error("The same command continues where this one was stopped.")
        return code
    return 0


def _finished_before(directory: Path, config: dict[str, Any]) -> bool:
    """Return True, and say so, if a directory has the finished audit of this config.

    Raises:
        UserError: what is finished there has other settings.
    """
    from alframe.auditing.run_audit import finished_audit  # imports torch, which --help must not load

    summary = finished_audit(directory, config)
    if summary is None:
        return False
    print(f"{shown(directory)}: finished before: {summary.get('statement', '')}", flush=True)
    return True


def _run_job(node: DictConfig, launch: Launch) -> None:
    from alframe.auditing.audit_session import closing_lines
    from alframe.auditing.run_audit import AuditRequest, finished_audit, run_label_audit
    from alframe.page.settings import page_settings, without_page
    from alframe.tracking import ConsoleTracker

    warnings.formatwarning = format_warning
    state, config = HydraConfig.get(), config_of(node)
    directory = Path(state.runtime.output_dir)
    find_own_packages(config)
    if state.mode == RunMode.MULTIRUN:
        if not launch.in_this_process():
            raise UserError(
                "hydra/launcher: expected the default one: audits of a sweep run one after the other."
            )
        if finished_audit(directory, config) is not None:
            return
    console = ConsoleTracker()

    def say(line: str) -> None:
        console.close_bar()
        print(line, flush=True)

    page = None if state.mode == RunMode.MULTIRUN else page_settings(config)
    with two_step_interrupts(_LINE) as stop_wanted:
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
            from alframe.cli.audit_page import run_audit_on_page

            summary = run_audit_on_page(request, page, stop_wanted)
    for line in closing_lines(summary, Path(shown(directory))):
        say(line)


if __name__ == "__main__":
    main()
