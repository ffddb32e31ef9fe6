"""Label MNIST, or scikit-learn's digits if MNIST is not on the disk and cannot be downloaded.

    python scripts/run.py [key=value ...]

The overrides are those of the `alframe` command.
"""

import sys

from alframe.cli.main import main as alframe
from alframe.config.compose import composed
from alframe.core.errors import AlframeError, DataError


def why_no_mnist(typed: list[str]) -> str:
    """Return why MNIST is not available with these overrides, or an empty text. Downloads it if missing."""
    from alframe.trial.assemble import load_data
    from alframe.trial.settings import read_settings

    try:
        load_data(read_settings(composed(typed)))
    except DataError as error:
        return str(error)
    except AlframeError:
        return ""  # a mistake in the overrides, which the command reports
    return ""


def main() -> None:
    """Choose the data set and run the command."""
    typed = sys.argv[1:]
    if not any(argument.startswith(("data=", "experiment=", "-")) for argument in typed):
        try:
            reason = why_no_mnist(typed)
        except KeyboardInterrupt:
            sys.exit(130)
        if reason:
            print(f"MNIST is not available: {reason}\nLabelling scikit-learn's 1,797 digits instead.\n")
            typed = ["experiment=digits", *[t for t in typed if not t.startswith("data.download")]]
    alframe(typed)


if __name__ == "__main__":
    main()
