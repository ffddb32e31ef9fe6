"""The `alframe` command: checks what was typed, hands it to Hydra, turns errors into exit codes.

Exit codes: 0 done; 1 a trial failed; 2 the user's mistake; 130 interrupted (143 by SIGTERM).
"""

import json
import os
import signal
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from alframe import __version__
from alframe.compose import check_command_line, directory_override
from alframe.config import conf_directory
from alframe.directory import finished_summary
from alframe.errors import AlframeError, AnswersNeeded, TrialError, TrialNotice, UserError
from alframe.interrupts import polite_interrupts


class Terminated(BaseException):
    """SIGTERM, on its way up so that trackers are closed."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["--version"]:
        print(f"alframe {__version__}")
        sys.exit(0)
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    sweep_directory: list[Path] = []
    failure: list[BaseException] = []
    started: list[str] = []
    trials: list[tuple[str, str]] = []  # (directory, why it failed or nothing)

    def task(node: DictConfig) -> None:
        started.append("task")
        state = HydraConfig.get()
        if state.mode == RunMode.MULTIRUN:
            sweep_directory[:] = [Path(state.sweep.dir).absolute()]
            try:
                _trial(node)
            except Exception as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                trials.append((Path(state.runtime.output_dir).name, reason))
                raise
            trials.append((Path(state.runtime.output_dir).name, ""))
            return
        try:
            _trial(node)
        except Exception as error:  # kept from Hydra, which would print its own line about it
            failure.append(error)

    # So that Hydra passes on what a trial raises instead of printing it and leaving the process.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv[1:] = arguments
    code = 0
    try:
        line = check_command_line(arguments)
        if line is not None:
            sys.argv[1:] = [*arguments, *directory_override(line)]
        hydra.main(version_base="1.3", config_path=str(conf_directory()), config_name="config")(task)()
        if failure:
            raise failure[0]
    except KeyboardInterrupt:
        _say("interrupted")
        code = 130
    except Terminated:
        _say("terminated")
        code = 143
    except AnswersNeeded as error:
        print(f"alframe: {error}", flush=True)
    except UserError as error:
        _say(f"alframe: {error}")
        code = 1 if sweep_directory else 2
    except TrialError as error:
        _say(f"alframe: {error}")
        code = 1
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 2
    except BrokenPipeError:  # as in alframe | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1 if started else 0
    except (HydraException, OmegaConfBaseException) as error:
        _say(f"alframe: {' '.join(str(error).split())}")
        code = 1 if started else 2
    except OSError as error:
        if started:
            traceback.print_exc()
        else:  # Hydra makes the output directory before the trial begins
            key = "hydra.run.dir (hydra.sweep.dir in a sweep)"
            _say(f"alframe: {key}: expected a directory that can be written, got {error}.")
        code = 1 if started else 2
    except Exception:
        traceback.print_exc()
        code = 1
    if sweep_directory and code not in (130, 143):
        code = _tell_failures(sweep_directory[0], trials, code)
    return code


def _trial(node: DictConfig) -> None:
    """Run the trial of a composed config in Hydra's output directory."""
    from alframe.trial import run_trial  # torch is imported here, not for --help

    warnings.formatwarning = _in_one_line
    state = HydraConfig.get()
    sweeps = state.mode == RunMode.MULTIRUN
    directory = Path(state.runtime.output_dir)
    overrides = [override for override in state.overrides.task if not override.startswith("+sweep=")]
    try:
        node_config = OmegaConf.to_container(node, resolve=True)
        assert isinstance(node_config, dict)
        config = {str(key): value for key, value in node_config.items() if key != "experiment"}
        if config.get("trusted_packages"):
            sys.path.insert(0, str(Path.cwd()))  # a package of the user's own, beside where they work
        if sweeps and finished_summary(directory, config) is not None:
            print(f"{directory.name}: finished before")
            return
        with polite_interrupts() as stop_wanted:
            run_trial(
                config,
                directory,
                name=" ".join(overrides) or "defaults",
                group=Path(state.sweep.dir).name if sweeps else None,
                stop_wanted=stop_wanted,
            )
    except Exception as error:
        if sweeps:
            _leave_failure(directory, error)
        raise


def _leave_failure(directory: Path, error: Exception) -> None:
    """Leave word of a failure in the trial's directory where the trial itself could not."""
    taken = any((directory / name).exists() for name in ("rounds.csv", "labels.csv", "failure.json"))
    if taken or not directory.is_dir():
        return
    expected = isinstance(error, AlframeError)
    reason = str(error) if expected else "".join(traceback.format_exception(error))
    (directory / "failure.json").write_text(
        json.dumps({"status": "failed", "reason": reason, "rounds": 0}, indent=2) + "\n"
    )


def _tell_failures(sweep_directory: Path, trials: list[tuple[str, str]], code: int) -> int:
    """Print which trials of a sweep failed and why; return 1 when any did."""
    failures = [(name, reason) for name, reason in trials if reason]
    print(f"\n{len(trials) - len(failures)} trials finished, {len(failures)} failed, in {sweep_directory}")
    for name, reason in failures:
        _say(f"  {name}: {reason}")
    return 1 if failures else code


def _in_one_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Return a warning as it is printed: ours are for the user, others for whoever mends the code."""
    if issubclass(category, TrialNotice):
        return f"alframe: {message}\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"


def _terminate(number: int, frame: Any) -> None:
    raise Terminated


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
