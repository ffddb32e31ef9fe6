"""The `alframe-embed` command: encodes the images of a data set, so that trials find their vectors.

Exit codes: 0 done; 1 the disk or the encoder failed; 2 a mistake in the command; 130 Ctrl-C; 143 SIGTERM.
"""

import os
import signal
import sys
from importlib import metadata

import hydra
from omegaconf import DictConfig

from alframe.cli.exit_codes import exit_code, print_error
from alframe.cli.main import terminate
from alframe.cli.sweep import Launch
from alframe.config.command_line import check_command_line, with_overrides
from alframe.config.compose import first_line
from alframe.config.validate import conf_directory
from alframe.core.errors import UserError

COMMAND = "alframe-embed"
_KEYS = ["+hydra/command=embed"]  # adds the keys of this command to those of a trial


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if "--version" in arguments:
        print(f"{COMMAND} {metadata.version('alframe')}")
        sys.exit(0)
    signal.signal(signal.SIGTERM, terminate)
    begun: list[str] = []
    try:
        _run(arguments, begun)
    except BaseException as error:
        code = exit_code(error, bool(begun), COMMAND)
        if begun and code in (130, 143):
            print_error("The same command continues where this one was stopped.")
        sys.exit(code)
    sys.exit(0)


def _run(arguments: list[str], begun: list[str]) -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises a job's error
    whole = with_overrides(arguments, _KEYS)
    line = check_command_line(whole)
    if line is None:
        return _hydra_alone(whole, begun)
    return _hydra(whole, begun)


def _hydra(arguments: list[str], begun: list[str]) -> None:
    sys.argv[1:] = arguments
    launch, failure = Launch(arguments=tuple(arguments)), list[Exception]()

    def task(node: DictConfig) -> None:
        from alframe.cli.embed_job import run_embed_job  # imports torch, which --help must not load

        begun.append("job")
        try:
            run_embed_job(node, launch)
        except Exception as error:
            if not launch.in_this_process():
                raise
            failure.append(error)  # Hydra would print another line about it

    hydra.main(version_base="1.3", config_path=str(conf_directory()), config_name="config")(task)()
    if failure:
        raise failure[0]


def _hydra_alone(arguments: list[str], begun: list[str]) -> None:
    """Pass a command line with flags such as --help to Hydra."""
    try:
        _hydra(arguments, begun)
    except ValueError as error:  # Hydra's own errors for such flags
        if begun:
            raise
        raise UserError(first_line(error)) from error


if __name__ == "__main__":
    main()
