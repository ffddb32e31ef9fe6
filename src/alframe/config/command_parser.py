"""The parser of commands that take arguments rather than overrides. Imports no torch."""

import argparse
from importlib import metadata
from typing import NoReturn

from alframe.core.errors import UserError


class CommandParser(argparse.ArgumentParser):
    """A parser that raises `UserError` for a mistake, knows `--version`, and takes no abbreviations."""

    def __init__(self, command: str, description: str, epilog: str | None = None) -> None:
        """Take the command's name and the texts of its `--help`, whose lines are kept as they are."""
        super().__init__(
            prog=command,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("--version", action="version", version=f"{command} {metadata.version('alframe')}")

    def error(self, message: str) -> NoReturn:
        """Raise `UserError` with what is wrong with the arguments."""
        raise UserError(f"{message}. See {self.prog} --help.")
