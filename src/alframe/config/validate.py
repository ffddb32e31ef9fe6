"""Checks of a composed config before any download or use of a device; no torch."""

from pathlib import Path
from typing import Any

from alframe.config.moved_keys import check_moved_keys
from alframe.config.ranges import COMMAND_KEYS, RANGES
from alframe.core.errors import ConfigError

GROUPS = (
    "data",
    "encoder",
    "learner",
    "network",
    "initial",
    "query",
    "auto_label",
    "oracle",
    "stopping",
    "tracker",
)


PAGE_ORACLE = "alframe.page.PageOracle"  # people answer on a page that the command serves
LOOPBACK = ("127.0.0.1", "localhost", "::1")  # values of page.host that let no other computer in
ENCODER_NETWORK = "alframe.learner.EncoderNetwork"  # the network that contains the trial's encoder
ENCODER_OF_AUTO = "photographs"  # the section of encoder=auto with the encoder that it takes


def conf_directory() -> Path:
    """Return the folder of Hydra's groups: inside the installed package, or beside src/ in a checkout."""
    packaged = Path(__file__).parents[1] / "conf"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "conf"


def check(config: dict[str, Any]) -> None:
    """Raise `ConfigError` for the first value out of range or pair of settings in conflict.

    Args:
        config: the resolved config as plain containers.
    """
    _check_presence(config)
    check_moved_keys(config)
    for key, rule in RANGES.items():
        found, value = _look_up(config, key)
        if found:
            rule(key, value)
    _check_amounts(config)
    _check_question(config)
    _check_conflicts(config)
    _check_encoder_network(config)
    _check_fine_tuning(config)


def _check_amounts(config: dict[str, Any]) -> None:
    for group in ("initial", "query", "auto_label"):
        amount = config.get(group) or {}
        if amount.get("share") is not None and amount.get("num") is not None:
            raise ConfigError(
                group,
                "a share or a number, not both",
                f"share={amount['share']:g} and num={amount['num']}",
                f"Write {group}.share=null or {group}.num=null.",
            )


def _check_question(config: dict[str, Any]) -> None:
    """Check that the size of a question is given; without it a trial would fail after its seed set."""
    query = config["query"]
    if query["_target_"] and all(query.get(key) is None for key in ("share", "num", "default_share")):
        raise ConfigError("query", "query.share or query.num", hint="Give one of them, such as query.num=50.")


def _check_conflicts(config: dict[str, Any]) -> None:
    certificate = config["certificate"]
    if certificate["tolerance"] is None and (certificate["reach"] or certificate["max_labels"] is not None):
        raise ConfigError(
            "certificate.tolerance", "a share, since certificate.reach or certificate.max_labels is given"
        )
    if certificate["tolerance"] is not None and config["check"]["num"]:
        raise ConfigError(
            "check.num",
            "0 or null, since certificate.tolerance is given: the certificate's audit takes its place",
            config["check"]["num"],
        )
    policy, learns = config["auto_label"], config["learner"].get("auto_labels") == "train"
    judged = policy.get("validation_size") or config["stopping"].get("validation_size")
    if learns and judged and policy.get("keep") == "rejudge":
        raise ConfigError(
            "auto_label.keep",
            "permanent, since the learner trains on auto-labels and a validation set judges them: the "
            "classifier would rejudge labels that it has memorised by its error on samples it has not seen",
            "rejudge",
            "Write auto_label.keep=permanent or another learner.auto_labels.",
        )
    final = config["learner"].get("final")
    if final is not None and final["warm"] > final["networks"]:
        raise ConfigError(
            "learner.final.warm", f"at most learner.final.networks={final['networks']}", final["warm"]
        )
    page = config.get("page")  # a trial itself has no such section
    if page and page["host"] not in LOOPBACK and page["token"] is None:
        raise ConfigError(
            "page.token",
            f"a text of your own, since page.host={page['host']} lets other computers in",
            "null",
            "Write ALFRAME_PAGE_TOKEN=... before the command, or page.host=127.0.0.1.",
        )
    targets = {group: (config.get(group) or {}).get("_target_") for group in ("query", "auto_label")}
    if not any(targets.values()):
        raise ConfigError(
            "query",
            "a query strategy or an auto-label policy that labels",
            "query=none and auto_label=none",
            "Choose another option for one of the two.",
        )
    own = config.get("given", {}).keys()  # a call from Python replaces these by objects
    if "check_share" in policy and not targets["query"] and not own & {"query", "auto_label"}:
        raise ConfigError(
            "auto_label",
            "a policy without spot checks, since query=none asks no question and they are part of one",
            "auto_label=checked",
            "Write auto_label=threshold, or choose a query.",
        )


def _check_encoder_network(config: dict[str, Any]) -> None:
    if config["network"]["_target_"] != ENCODER_NETWORK:
        return
    inputs = config["learner"].get("inputs")
    _check_trained_encoder(config["encoder"], "network=encoder")
    if inputs != "unit":
        raise ConfigError(
            "learner.inputs",
            "unit, since network=encoder scales pixels as its encoder needs them",
            "none" if inputs is None else inputs,
            "Write learner.inputs=unit, with learner=consistency_rgb or learner=supervised.",
        )


def _check_fine_tuning(config: dict[str, Any]) -> None:
    learner = config["learner"]
    unfrozen = (learner.get("fine_tuning") or {"unfrozen": 0})["unfrozen"]
    if unfrozen == 0:
        return
    typed = f"learner.fine_tuning.unfrozen={'null' if unfrozen is None else unfrozen}"
    _check_trained_encoder(config["encoder"], typed)
    if learner["final"]["networks"]:
        expected = f"0, since {typed} is the last fit"
        raise ConfigError("learner.final.networks", expected, learner["final"]["networks"])


def _check_trained_encoder(encoder: dict[str, Any], typed: str) -> None:
    """Check that an encoder has a network, which a setting trains."""
    if encoder["_target_"] in (None, "alframe.embedding.given_vectors") and ENCODER_OF_AUTO not in encoder:
        raise ConfigError(
            "encoder",
            f"an encoder with a network, since {typed} trains it",
            "none" if encoder["_target_"] is None else "vectors",
            "Write encoder=efficientnet_lite0.",
        )


def _check_presence(config: dict[str, Any]) -> None:
    for key in (*GROUPS, *(rule for rule in RANGES if "." not in rule and rule not in COMMAND_KEYS)):
        value = config.get(key)
        if key not in config or (key in GROUPS and not (isinstance(value, dict) and "_target_" in value)):
            expected = "one of the group's choices" if key in GROUPS else "a value"
            hint = f"alframe --help lists them: {key}=CHOICE." if key in GROUPS else ""
            raise ConfigError(key, expected, value, hint)


def _look_up(config: dict[str, Any], key: str) -> tuple[bool, Any]:
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return False, None
        value = value[part]
    return True, value
