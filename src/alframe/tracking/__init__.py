"""Trackers: who is told about a trial. All of them read `RoundReport` and the outcome, nothing else."""

from alframe.tracking.base import Outcome, Tracker, TrialInfo
from alframe.tracking.console import ConsoleTracker
from alframe.tracking.files import FilesTracker

__all__ = ["ConsoleTracker", "FilesTracker", "Outcome", "Tracker", "TrialInfo"]
