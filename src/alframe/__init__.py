"""Label a data set with active learning: use few hand labels, and know how many labels are wrong."""

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alframe.api import LabelResult, label
    from alframe.api_audit import AuditResult, audit_labels

__version__ = "0.1.0"
__all__ = ["AuditResult", "LabelResult", "__version__", "audit_labels", "label"]


def __getattr__(name: str) -> Any:
    # torch is imported only when it is needed, not for the version.
    if name == "Labelling":
        warnings.warn("alframe.Labelling is now alframe.LabelResult", DeprecationWarning, stacklevel=2)
        name = "LabelResult"
    if name in ("LabelResult", "label"):
        from alframe import api

        return getattr(api, name)
    if name in ("AuditResult", "audit_labels"):
        from alframe import api_audit

        return getattr(api_audit, name)
    raise AttributeError(f"module 'alframe' has no attribute {name!r}")
