"""Oracles, which answer questions about labels."""

from alframe.oracle.callable import CallableOracle, CheckedOracle
from alframe.oracle.csv_files import FilesOracle
from alframe.oracle.noisy import NoisyOracle
from alframe.oracle.simulated import SimulatedOracle
from alframe.oracle.timed import TimedPerson

__all__ = ["CallableOracle", "CheckedOracle", "FilesOracle", "NoisyOracle", "SimulatedOracle", "TimedPerson"]
