"""Requests that the page cannot grant, as errors with a sentence for people."""

from alframe.core.errors import UserError


class NotFound(UserError):
    """There is no such thing in this trial."""


class Conflict(UserError):
    """That cannot be done at present."""
