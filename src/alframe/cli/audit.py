"""The `alframe-audit` command: finds wrong labels in a given label set, mends them, and proves the rest.

Exit codes: 0 done, or waiting for answers; 1 the audit failed; 2 a mistake in the command, its settings or
the labels; 130 Ctrl-C; 143 SIGTERM.
"""

import sys
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from alframe.cli.hydra_command import begin_command, run_hydra, run_with_own_keys
from alframe.cli.output_directory import run_target
from alframe.cli.sweep import Launch
from alframe.config.command_line import CommandLine, with_overrides
from alframe.core.file_names import shown

COMMAND = "alframe-audit"


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    sys.exit(run_with_own_keys(COMMAND, begin_command(COMMAND, arguments), _run_job, _run))


def _run(line: CommandLine, arguments: list[str], begun: list[str]) -> None:
    target = run_target(line)
    if target.sweep is None and target.trial is not None and _finished_before(target.trial, line.config):
        return
    with target.removed_if_refused():
        run_hydra(with_overrides(arguments, target.overrides), _run_job, begun, target.n_trials)


def _finished_before(directory: Path, config: dict[str, Any]) -> bool:
    """Return True, and say so, if a directory has the finished audit of this config.

    Raises:
        UserError: what is finished there has other settings.
    """
    from alframe.auditing.begun_audit import finished_audit  # imports torch, which --help must not load

    summary = finished_audit(directory, config)
    if summary is None:
        return False
    print(f"{shown(directory)}: finished before: {summary.get('statement', '')}", flush=True)
    return True


def _run_job(node: DictConfig, launch: Launch) -> None:
    from alframe.cli.audit_job import run_audit_job  # imports torch, which --help must not load

    run_audit_job(node, launch)


if __name__ == "__main__":
    main()
