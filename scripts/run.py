"""Label MNIST, or scikit-learn's digits where MNIST is not on disk and cannot be fetched.

    python scripts/run.py [key=value ...]

The overrides are those of the `alframe` command.
"""

import sys

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from alframe.cli import main as alframe
from alframe.config import conf_directory
from alframe.errors import DataError


def mnist_is_at_hand() -> str:
    """Return why MNIST cannot be had, or nothing; fetches it where it is missing."""
    from alframe.build import load_data

    with initialize_config_dir(str(conf_directory()), version_base="1.3"):
        config = OmegaConf.to_container(compose("config"), resolve=True)
    assert isinstance(config, dict)
    try:
        load_data({str(key): value for key, value in config.items()})
    except DataError as error:
        return str(error)
    return ""


def main() -> None:
    """Choose the data set and hand over to the command."""
    typed = sys.argv[1:]
    if not any(argument.startswith(("data=", "experiment=", "-")) for argument in typed):
        reason = mnist_is_at_hand()
        if reason:
            print(f"MNIST cannot be had: {reason}\nLabelling scikit-learn's 1,797 digits instead.\n")
            typed = ["data=digits", *typed]
    alframe(typed)


if __name__ == "__main__":
    main()
