"""The options of a command, from its argument parser."""

import argparse

from page_text import plain, table


def options_of(parser: argparse.ArgumentParser) -> str:
    """Return a table of the arguments of a command."""
    rows = [(f"`{_shown(action)}`", plain(action.help or "")) for action in parser._actions]
    return table(("argument", "meaning"), rows)


def _shown(action: argparse.Action) -> str:
    choices = "|".join(map(str, action.choices)) if action.choices else ""
    value = choices or action.metavar or (action.dest.upper() if action.nargs != 0 else "")
    several = "..." if action.nargs == "+" else ""
    return " ".join(filter(None, [", ".join(action.option_strings), f"{value}{several}"]))
