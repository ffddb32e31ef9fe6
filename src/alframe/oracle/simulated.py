"""An oracle that answers with the truth, for simulations."""

from dataclasses import dataclass

from torch import Tensor

from alframe.core.errors import ConfigError


@dataclass(frozen=True, eq=False)
class SimulatedOracle:
    """Answers with the truth.

    Attributes:
        truth_N: (N,) int64, the true classes.
    """

    truth_N: Tensor

    def __post_init__(self) -> None:
        if self.truth_N is None:
            raise ConfigError("oracle", "a data set with true labels for oracle=simulated")

    def label(self, index_Q: Tensor) -> Tensor:
        """Return the true labels of `index_Q`, int64."""
        return self.truth_N[index_Q]
