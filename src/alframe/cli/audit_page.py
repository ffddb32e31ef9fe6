"""An audit whose oracle is people at the labelling page."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from alframe._text import counted
from alframe.audit.audit_summary import AuditSummary
from alframe.auditing.audit_request import AuditRequest
from alframe.auditing.run_audit import run_label_audit
from alframe.cli.page_job import page_site, run_on_page
from alframe.page.audit_standing import AuditStanding
from alframe.page.desk import Desk
from alframe.page.settings import PageSettings
from alframe.tracking.audit_report import AuditInfo, AuditOutcome, AuditReport
from alframe.trial.run import Replacements


@dataclass(eq=False)
class AuditAtDesk:
    """A tracker that tells the page where an audit stands."""

    desk: Desk

    def start(self, info: AuditInfo) -> None:
        """Take the facts about the audit."""
        self.desk.change(info=info, audit=AuditStanding(stages=info.stages, at_most=info.at_most))

    def log(self, report: AuditReport) -> None:
        """Take what a question has found; the page counts the answers itself."""
        standing = self.desk.now.audit
        if standing is not None:
            row = report.row
            self.desk.change(audit=replace(standing, found_wrong=row.found_wrong, bound=row.bound))

    def finish(self, outcome: AuditOutcome) -> None:
        """Take the end of the audit."""
        if outcome.status == "finished":
            standing, summary = self.desk.now.audit, outcome.summary
            if standing is not None and summary is not None:
                wrong = counted(summary.found_wrong, "wrong label")
                found = f"{counted(summary.answers, 'answer')} found {wrong}."
                standing = replace(standing, sentences=(found, summary.statement))
            self.desk.change(ledger=outcome.ledger, question=None, training=None, audit=standing)
        elif outcome.status == "failed":
            self.desk.fail(outcome.reason)


def run_audit_on_page(
    request: AuditRequest, settings: PageSettings, stop_wanted: Callable[[], bool]
) -> AuditSummary:
    """Run an audit, and keep serving its page after its end until Ctrl-C or the page's button.

    Raises:
        UserError, TrialError, KeyboardInterrupt: as `run_label_audit`; the port is taken.
    """
    with page_site(settings, request.directory) as site:

        def run(replacements: Replacements) -> AuditSummary:
            console = replacements.console
            at_desk = replace(
                request,
                offered=replacements.offered,
                trackers=(AuditAtDesk(site.desk),),
                progress=request.progress if console is None else console.progress,
            )
            return run_label_audit(at_desk)

        return run_on_page(site, run, stop_wanted)
