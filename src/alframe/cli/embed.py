"""The `alframe-embed` command: encodes the images of a data set, so that trials find their vectors.

Exit codes: 0 done; 1 the disk or the encoder failed; 2 a mistake in the command, or no image can be read;
130 Ctrl-C; 143 SIGTERM.
"""

import sys

from omegaconf import DictConfig

from alframe.cli.exit_codes import exit_code, print_error
from alframe.cli.hydra_command import begin_command, run_hydra, run_hydra_alone
from alframe.cli.sweep import Launch
from alframe.config.command_line import check_command_line, with_overrides

COMMAND = "alframe-embed"
_KEYS = ["+hydra/command=embed"]  # adds the keys of this command to those of a trial


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    sys.exit(_run(begin_command(COMMAND, arguments)))


def _run(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    begun: list[str] = []
    try:
        whole = with_overrides(arguments, _KEYS)
        if check_command_line(whole) is None:
            return run_hydra_alone(whole, _run_job, begun)
        run_hydra(whole, _run_job, begun)
    except BaseException as error:
        code = exit_code(error, bool(begun), COMMAND)
        if begun and code in (130, 143):
            print_error("The same command continues where this one was stopped.")
        return code
    return 0


def _run_job(node: DictConfig, launch: Launch) -> None:
    from alframe.cli.embed_job import run_embed_job  # imports torch, which --help must not load

    run_embed_job(node, launch)


if __name__ == "__main__":
    main()
