"""Auto-label policies, which decide which predictions become labels."""

from alframe.auto_label.calibrated import CalibratedPolicy
from alframe.auto_label.checked import CheckedPolicy
from alframe.auto_label.colander import ColanderPolicy
from alframe.auto_label.conformal import ConformalPolicy
from alframe.auto_label.consensus import ConsensusPolicy
from alframe.auto_label.threshold import PerClassPolicy, ThresholdPolicy, TopKPolicy
from alframe.auto_label.validated import ValidatedPolicy

__all__ = [
    "CalibratedPolicy",
    "CheckedPolicy",
    "ColanderPolicy",
    "ConformalPolicy",
    "ConsensusPolicy",
    "PerClassPolicy",
    "ThresholdPolicy",
    "TopKPolicy",
    "ValidatedPolicy",
]
