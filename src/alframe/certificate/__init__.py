"""The certificate: how many labels are wrong at most, by a random audit at the end."""

from alframe.certificate.bounds import audit_size, most_wrong, smallest_error_free_audit
from alframe.certificate.certify import certify, feasibility
from alframe.certificate.plan import Certificate, CertificatePlan

__all__ = [
    "Certificate",
    "CertificatePlan",
    "audit_size",
    "certify",
    "feasibility",
    "most_wrong",
    "smallest_error_free_audit",
]
