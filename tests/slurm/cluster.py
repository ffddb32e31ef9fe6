"""A Slurm cluster of one machine in a temporary folder: munge, a controller and a node, all on loopback."""

import contextlib
import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=2
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
KillWait=2
MessageTimeout=30
MaxArraySize=2001
NodeName=one NodeAddr=127.0.0.1 NodeHostname={host} CPUs=3 RealMemory=3000 State=UNKNOWN
PartitionName=all Nodes=one Default=YES MaxTime=INFINITE State=UP
"""


class NoClusterError(Exception):
    """The reason why no cluster can be started here."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A running cluster.

    Attributes:
        environment: variables with which Slurm's commands find it.
    """

    environment: Mapping[str, str]

    def run(self, *command: str, check: bool = True) -> str:
        """Return what one of Slurm's commands prints."""
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def states(self) -> dict[str, str]:
        """Return the state of each job that is in the queue."""
        lines = self.run("squeue", "--noheader", "--array", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines)

    def version(self) -> str:
        """Return Slurm's version, such as "slurm-wlm 22.05.8"."""
        return self.run("sinfo", "--version").strip()


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster in a folder with a short path, and end it with the block.

    Raises:
        NoClusterError: a program is missing, this is not root, or a daemon does not start.
    """
    missing = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if missing:
        raise NoClusterError(f"needs Slurm and munge: {missing[0]} is not installed")
    if os.geteuid() != 0:
        raise NoClusterError("needs root")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    folder.chmod(0o755)
    conf = folder / "slurm.conf"
    conf.write_text(_CONF.format(host=platform.node().partition(".")[0], ports=_free_ports(2), folder=folder))
    found = Cluster(environment={"SLURM_CONF": str(conf), "PATH": _path()})
    with contextlib.ExitStack() as daemons:
        daemons.enter_context(_daemon(_munge(folder), found))
        _until(lambda: (folder / "munge.socket").exists(), "munged", folder)
        daemons.enter_context(_daemon(["slurmctld", "-D"], found))
        daemons.enter_context(_daemon(["slurmd", "-D", "-N", "one"], found))
        _until(
            lambda: "idle" in found.run("sinfo", "--noheader", "--format=%T", check=False), "slurmd", folder
        )
        try:
            yield found
        finally:
            found.run("scancel", "--user=root", "--signal=KILL", "--full", check=False)
            found.run("scancel", "--user=root", check=False)
            with contextlib.suppress(NoClusterError):
                _until(lambda: not found.run("squeue", "--noheader", check=False), "the queue", folder, 10)


def _munge(folder: Path) -> list[str]:
    """Return the command of munge's daemon with a key of its own."""
    key = folder / "munge.key"
    key.write_bytes(os.urandom(64))
    key.chmod(0o600)
    files = {"key-file": key, "socket": folder / "munge.socket"}
    files |= {f"{name}-file": folder / f"munge.{name}" for name in ("pid", "log", "seed")}
    return ["munged", "--foreground", "--force", *(f"--{name}={path}" for name, path in files.items())]


@contextlib.contextmanager
def _daemon(command: Sequence[str], cluster: Cluster) -> Iterator[None]:
    environment = {**os.environ, **cluster.environment}
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=environment, **silent)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until(what: Callable[[], object], who: str, folder: Path, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            logs = "".join(file.read_text()[-300:] for file in sorted(folder.glob("*.log")))
            raise NoClusterError(f"{who} did not start in {seconds:.0f} s: {logs[-900:]}")
        time.sleep(0.1)


def _free_ports(n: int) -> list[int]:
    sockets = [socket.socket() for _ in range(n)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
