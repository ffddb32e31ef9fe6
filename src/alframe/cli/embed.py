"""The `alframe-embed` command: encodes the images of a data set, so that trials find their vectors.

Exit codes: 0 done; 1 the disk or the encoder failed; 2 a mistake in the command, or no image can be read;
130 Ctrl-C; 143 SIGTERM.
"""

import sys

from omegaconf import DictConfig

from alframe.cli.hydra_command import begin_command, run_hydra, run_with_own_keys
from alframe.cli.sweep import Launch
from alframe.config.command_line import CommandLine

COMMAND = "alframe-embed"


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    sys.exit(run_with_own_keys(COMMAND, begin_command(COMMAND, arguments), _run_job, _run))


def _run(line: CommandLine, arguments: list[str], begun: list[str]) -> None:
    run_hydra(arguments, _run_job, begun)


def _run_job(node: DictConfig, launch: Launch) -> None:
    from alframe.cli.embed_job import run_embed_job  # imports torch, which --help must not load

    run_embed_job(node, launch)


if __name__ == "__main__":
    main()
