"""A check that an object has what a component of its config group must have."""

from alframe.core.errors import ConfigError

# The attributes that a component must have, by config group. They hold for a user's own objects too.
MEMBERS = {
    "initial": ("select",),
    "query": ("select", "needs"),
    "auto_label": ("accept", "needs"),
    "oracle": ("label",),
    "stopping": ("reason",),
}


def check_component(group: str, component: object) -> None:
    """Raise `ConfigError` for a class, a missing attribute or `needs` of another type; None is accepted."""
    if isinstance(component, type):
        raise ConfigError(
            group,
            "an object",
            f"the class {component.__qualname__}",
            f"Give an object of it, such as {component.__name__}().",
        )
    missing = [name for name in MEMBERS[group] if not hasattr(component, name)]
    if component is not None and missing:
        hint = (
            "Write needs = frozenset() in its class if it reads no optional score."
            if missing == ["needs"]
            else ""
        )
        raise ConfigError(
            group,
            f"an object with {' and '.join(MEMBERS[group])}",
            f"{type(component).__qualname__} without {' and '.join(missing)}",
            hint,
        )
    needs: object = getattr(component, "needs", frozenset())
    if not isinstance(needs, (frozenset, set)) or not all(isinstance(need, str) for need in needs):
        raise ConfigError(
            group,
            f"needs of {type(component).__qualname__} to be a frozenset of names, not {needs!r}",
            None,
            'Write needs = frozenset({"margin"}), for example.',
        )
