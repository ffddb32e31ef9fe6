"""Trackers: the terminal, files, W&B and TensorBoard. Each gets the rounds of a trial and its outcome."""

from alframe.tracking.base import Outcome, Tracker, TrialInfo
from alframe.tracking.console import ConsoleTracker
from alframe.tracking.files import FilesTracker

__all__ = ["ConsoleTracker", "FilesTracker", "Outcome", "Tracker", "TrialInfo"]
