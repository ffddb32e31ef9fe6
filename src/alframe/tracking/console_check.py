"""The lines on the terminal about the check of the auto-labels, and the advice if they are not to be used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alframe._text import percent
from alframe.core.check_result import CheckResult
from alframe.core.file_names import shown
from alframe.core.trial_summary import TrialSummary

_HEAD, _NEXT = "  check         ", "                "


def check_lines(summary: TrialSummary) -> list[str]:
    """Return what is known of the auto-labels from the check, or that nobody has looked at them."""
    check = summary.check
    if check is None:
        if summary.mislabelled is not None or summary.certificate is not None:
            return []
        if summary.auto_labels == 0:
            return [f"{_HEAD}there are no auto-labels to check"]
        return [
            f"{_HEAD}nobody has looked at the auto-labels, so it is not known how many are wrong: "
            "write check.num=100 or certificate.tolerance=0.01"
        ]
    if check.simulated:
        return [f"{_HEAD}a check would have warned: {_found(check)}; {_bound(check)}"] if check.warn else []
    if check.asked == 0:
        return [f"{_HEAD}nobody has looked at the auto-labels: stopping.max_hand_labels left no answer"]
    first, *others = _result(check)
    return [_HEAD + first, *(_NEXT + line for line in others)]


def _result(check: CheckResult) -> list[str]:
    corrected = f" and {'is' if check.found_wrong == 1 else 'are'} corrected" if check.found_wrong else ""
    lines = [f"{_found(check)}{corrected}"]
    if check.asked < check.n_auto:
        lines += [
            _bound(check),
            f"(estimate {percent(check.error_share) or 'unknown'}, at least {percent(check.least_share)}); "
            f"after the corrections at most {check.most_left:,} wrong ones are left",
        ]
    if check.undecided:
        lines.append(
            f"{check.undecided:,} have no label now (cannot tell, or removed) and count as wrong in the bound"
        )
    return lines


def _found(check: CheckResult) -> str:
    n = f"{check.found_wrong:,}" if check.found_wrong else "none"
    wrong = "was wrong" if check.found_wrong == 1 else "were wrong"
    if check.asked == check.n_auto:
        return f"all auto-labels were checked: {n} of {check.n_auto:,} {wrong}"
    return f"{n} of {check.asked:,} auto-labels {wrong}"


def _bound(check: CheckResult) -> str:
    return (
        f"with {100 * check.confidence:g} % confidence at most {percent(check.most_share)} of the "
        f"{check.n_auto:,} auto-labels are wrong"
    )


def advice_lines(summary: TrialSummary, config: Mapping[str, Any], directory: Path) -> list[str]:
    """Return the last lines of a trial whose auto-labels are not to be used as they are, and what helps.

    Args:
        summary: of the finished trial. config: its resolved config. directory: of the trial.
    """
    check = summary.check
    if summary.auto_labels == 0 and summary.spot_checks:
        return _untrusted(summary, config, directory)
    if check is None or check.simulated or not check.warn:
        return []
    why = f"up to {percent(check.most_share)} of them may be wrong (check.warn={config['check']['warn']:g})"
    if check.asked == 0:
        why = "nobody has looked at them"
    ways = {
        "more rounds": _more_rounds(summary, config),
        "a stricter policy": _stricter(config),
        "hand labels for all": "auto_label=none remainder=hand",
        "a larger check": _larger_check(check, config),
    }
    return [
        f"Do not use the auto-labels as they are: {why}.",
        f"What helps is another trial{_keeping(config, directory)} one or more of:",
        *(f"  {name:<20} {keys}" for name, keys in ways.items() if keys),
    ]


def _keeping(config: Mapping[str, Any], directory: Path) -> str:
    """Return " with", after the key that keeps the answers if people gave them."""
    if "answers_from" in config["oracle"] and "oracle" not in config.get("given", {}):
        return f" with oracle.answers_from={shown(directory)}, which keeps the answers, and with"
    return " with"


def _untrusted(summary: TrialSummary, config: Mapping[str, Any], directory: Path) -> list[str]:
    """Return the last lines of a trial whose spot checks allowed no auto-label."""
    wrong, n = summary.spot_checks_wrong or 0, summary.spot_checks or 0
    tolerance = config["auto_label"].get("tolerance", 0.0)
    if wrong <= tolerance * n:
        first = f"Nothing was auto-labelled: {n:,} spot checks ({wrong:,} wrong) are too few to trust any."
    else:
        first = (
            f"Do not use predictions as labels here: {wrong:,} of {n:,} spot checks were wrong. "
            "Nothing was auto-labelled."
        )
    most = config["stopping"].get("max_untrusted_rounds")
    longer = "" if most is None else f" stopping.max_untrusted_rounds={2 * most}"
    more = f"more rounds, such as {_more_rounds(summary, config)}{longer}"
    return [
        f"{first} If the answers may be wrong, suspects=100 lists those to look at first.",
        f"What helps is another trial{_keeping(config, directory)} {more}.",
    ]


def _more_rounds(summary: TrialSummary, config: Mapping[str, Any]) -> str:
    """Return the keys for twice the rounds with twice the questions in each."""
    stopping, query = config["stopping"], config["query"]
    keys: dict[str, float] = {}
    if "min_rounds" in stopping:
        keys["stopping.min_rounds"] = 2 * summary.rounds
    for bound in ("max_rounds", "max_hand_labels"):
        if stopping.get(bound) is not None:
            keys[f"stopping.{bound}"] = 2 * stopping[bound]
    if query["_target_"] is not None and query.get("share") is not None:
        keys["query.share"] = min(1.0, 2 * query["share"])
    elif query["_target_"] is not None:
        usual = round((query.get("default_share") or 0.0) * summary.n_samples)
        keys["query.num"] = 2 * (query.get("num") or max(usual, query.get("default_at_least") or 1))
    return " ".join(f"{key}={value:.10g}" for key, value in keys.items())


def _stricter(config: Mapping[str, Any]) -> str:
    """Return the key of a policy that accepts fewer predictions, "" without a policy."""
    policy = config["auto_label"]
    if policy["_target_"] is None:
        return ""
    if "tolerance" not in policy:
        return "auto_label=checked" if config["query"]["_target_"] else "auto_label=validated"
    if "threshold" in policy:
        return f"auto_label.threshold={1 - (1 - policy['threshold']) / 10:.6g}"
    return f"auto_label.tolerance={policy['tolerance'] / 5:.2g}"


def _larger_check(check: CheckResult, config: Mapping[str, Any]) -> str:
    """Return the key of a larger check, "" unless the estimate alone would not have warned."""
    few = check.error_share is None or check.error_share <= config["check"]["warn"]
    return f"check.num={max(config['check']['default_num'], 4 * check.asked)}" if few else ""
