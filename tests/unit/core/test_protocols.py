"""Components are checked against their interfaces."""

import pytest

from alframe.core.component_check import check_component
from alframe.core.errors import ConfigError


def test_a_component_without_a_method_of_its_interface_is_refused() -> None:
    class Mine:
        def select(self) -> None: ...

    check_component("initial", Mine())
    check_component("query", None)
    with pytest.raises(ConfigError, match=r"query: expected .* select and needs, got '.*Mine without needs'"):
        check_component("query", Mine())
    with pytest.raises(ConfigError, match=r"auto_label: .* without accept and needs"):
        check_component("auto_label", Mine())
    with pytest.raises(ConfigError, match=r"initial: expected an object, got 'the class .*Mine'"):
        check_component("initial", Mine)


@pytest.mark.parametrize("needs", [["margin"], "margin", None, {1}, {"margin": True}])
def test_needs_of_another_type_are_refused(needs: object) -> None:
    class Mine:
        def select(self) -> None: ...

    Mine.needs = needs
    with pytest.raises(
        ConfigError, match=r"^query: expected needs of .*Mine to be a frozenset of names, not "
    ):
        check_component("query", Mine())
    Mine.needs = {"margin"}
    check_component("query", Mine())
