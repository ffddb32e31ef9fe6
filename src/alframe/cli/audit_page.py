"""An audit whose oracle is people at the labelling page."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from alframe.auditing.audit_summary import AuditSummary
from alframe.auditing.run_audit import AuditRequest, run_label_audit
from alframe.cli.page_job import page_site, run_on_page
from alframe.page.desk import Desk
from alframe.page.settings import PageSettings
from alframe.tracking import Outcome, TrialInfo
from alframe.trial.run import Replacements


@dataclass(eq=False)
class AuditAtDesk:
    """A tracker that tells the page where an audit stands."""

    desk: Desk

    def start(self, info: TrialInfo) -> None:
        """Take the facts about the audit."""
        self.desk.change(info=info)

    def log(self, report: Any) -> None:
        """Do nothing: the page counts the answers itself."""

    def finish(self, outcome: Outcome) -> None:
        """Take the end of the audit."""
        if outcome.status == "finished":
            self.desk.change(ledger=outcome.ledger, question=None, training=None)
        elif outcome.status == "failed":
            self.desk.fail(outcome.reason)


def run_audit_on_page(
    request: AuditRequest, settings: PageSettings, stop_wanted: Callable[[], bool]
) -> AuditSummary:
    """Run an audit, and keep serving its page after its end until Ctrl-C or the page's button.

    Raises:
        UserError, TrialError, KeyboardInterrupt: as `run_label_audit`; the port is taken.
    """
    found: list[AuditSummary] = []
    with page_site(settings, request.directory) as site:

        def run(replacements: Replacements) -> Any:
            console = replacements.console
            at_desk = replace(
                request,
                offered=replacements.offered,
                trackers=(AuditAtDesk(site.desk),),
                progress=request.progress if console is None else console.progress,
            )
            found.append(run_label_audit(at_desk))
            return found[-1]

        run_on_page(site, run, stop_wanted)
    return found[-1]
