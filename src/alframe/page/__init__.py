"""The labelling page: people answer the questions of a trial in the browser.

`oracle` and `desk` connect the trial with the server; `server`, `safety`, `routes` and `pictures` are the
server; `queue` and `grids` say who answers what; `service` is what the routes call.
"""

from alframe.page.oracle import PageOracle

__all__ = ["PageOracle"]
