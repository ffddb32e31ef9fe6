"""Packages that alframe can do without."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from alframe.core.errors import ConfigError


class MissingPackage(ConfigError):
    """A package is needed and not installed."""


def require(package: str, *, key: str, use: str, install: str, module: str | None = None) -> Any:
    """Return an imported module of an optional package.

    Args:
        package: the name under which it is imported. module: one of its modules, or one that needs it.
        key: the setting, and use: what the package is needed for, such as encoder=timm; for errors.
        install: what pip installs, such as alframe[timm].

    Raises:
        MissingPackage: it is not installed.
        ConfigError: it is installed, but an import fails.
    """
    if find_spec(package) is None:
        expected = f"the package {package} for {use}, which is not installed"
        raise MissingPackage(key, expected, hint=f"Write pip install '{install}'.")
    try:
        return import_module(module or package)
    except Exception as error:  # such as a library that does not fit another package
        reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
        expected = f"the package {package} for {use}, which is installed but cannot be imported: {reason}"
        hint = f"Write pip install --force-reinstall '{install}'."
        raise ConfigError(key, expected, hint=hint) from error
