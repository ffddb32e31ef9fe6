"""Oracles of the user: a Python function, or an object whose answers are checked.

Axes: Q the asked samples, C the classes.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.core.errors import ConfigError
from alframe.core.ledger import CANNOT_TELL, NO_CLASS
from alframe.core.protocols import Oracle
from alframe.oracle.class_names import expected, match_answer
from alframe.oracle.number_text import readings

Answers = Callable[[np.ndarray[Any, Any]], Any]
_SHOWN = 10  # samples in a note
_UNORDERED = (Mapping, Set)  # which answer belongs to which sample is not clear


@dataclass(frozen=True)
class CallableOracle:
    """Answers with the return values of a Python function.

    An answer is a class name, a class number, "?" or None for "cannot tell", or "-" for "none of these". If a
    class name is a number, a number is read as a name and not as a class number.

    Attributes:
        answers: from (Q,) int64 data-set indices, a NumPy array, to Q answers in any sequence.
        class_names: C names.
    """

    answers: Answers
    class_names: tuple[str, ...]

    def label(self, index_Q: Tensor) -> Tensor:
        """Return (Q,) int64 in [0, C), `CANNOT_TELL` or `NO_CLASS`: the answers of the function.

        An exception of the function passes through, with a note that names the samples.

        Raises:
            ConfigError: it does not return Q answers, or an answer means no class.
        """
        by_name = any(readings(name) for name in self.class_names)
        reader = _Reader(class_names=self.class_names, numbers_are_names=by_name)
        return reader.read(lambda: self.answers(index_Q.numpy().copy()), index_Q)


class CheckedOracle:
    """Passes questions to an oracle and checks its answers; a number is a class number.

    An answer may have any form that `CallableOracle` reads. Other attributes are those of the oracle.
    """

    def __init__(self, oracle: Oracle, class_names: tuple[str, ...]) -> None:
        """Wrap an oracle of C classes."""
        self._oracle = oracle
        self._reader = _Reader(class_names=class_names, numbers_are_names=False)

    def label(self, index_Q: Tensor) -> Tensor:
        """Return (Q,) int64 in [0, C), `CANNOT_TELL` or `NO_CLASS`; raise as `CallableOracle` does."""
        return self._reader.read(lambda: self._oracle.label(index_Q), index_Q)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._oracle, name)


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Reads answers as class numbers. `numbers_are_names`: a number is the name of a class."""

    class_names: tuple[str, ...]
    numbers_are_names: bool

    def read(self, ask: Callable[[], Any], index_Q: Tensor) -> Tensor:
        """Return (Q,) int64, what `ask` answers for `index_Q`; add a note to its exceptions."""
        index = index_Q.tolist()
        try:
            answers = _listed(ask(), len(index))
        except ConfigError:
            raise
        except Exception as error:
            more = f" and {len(index) - _SHOWN} more" if len(index) > _SHOWN else ""
            error.add_note(f"alframe had asked the oracle about the samples {index[:_SHOWN]}{more}.")
            raise
        numbers = [self._class_of(answer, sample) for answer, sample in zip(answers, index, strict=True)]
        return torch.tensor(numbers, dtype=torch.int64)

    def _class_of(self, answer: Any, sample: int) -> int:
        """Return the class of an answer, `CANNOT_TELL` or `NO_CLASS`."""
        plain = _plain(answer)
        if plain is None:
            return CANNOT_TELL
        found = match_answer(plain, self.class_names) if isinstance(plain, str) else self._of_number(plain)
        if found is None:
            names = f"a class name ({expected(self.class_names)})"
            if not self.numbers_are_names:
                names = f"a class from 0 to {len(self.class_names) - 1} or {names}"
            got = answer if isinstance(answer, str) else plain
            raise ConfigError("oracle", names, got, f"It is the answer for sample {sample}.")
        return found

    def _of_number(self, number: float) -> int | None:
        """Return the class of a number, or None if it has none."""
        if isinstance(number, bool) and (str(number) in self.class_names or len(self.class_names) != 2):
            return match_answer(str(number), self.class_names)
        if self.numbers_are_names:
            text = str(int(number)) if float(number).is_integer() else repr(number)
            named = match_answer(text, self.class_names)
            if named is not None:
                return named
        if number in (CANNOT_TELL, NO_CLASS):
            return int(number)
        is_class = not self.numbers_are_names and number in range(len(self.class_names))
        return int(number) if is_class else None


def _listed(answers: Any, n: int) -> list[Any]:
    """Return n answers as a list.

    Raises:
        ConfigError: there are not n.
    """
    if hasattr(answers, "tolist"):  # of NumPy, torch and pandas
        shape, answers = getattr(answers, "shape", ()), answers.tolist()
        if len(shape) > 1:
            raise _wrong_number(n, f"an array of shape {tuple(shape)}")
    elif isinstance(answers, Iterable) and not isinstance(answers, (str, bytes, *_UNORDERED)):
        answers = list(answers)
    if not isinstance(answers, list):
        if n != 1 or isinstance(answers, _UNORDERED):
            raise _wrong_number(n, "None" if answers is None else f"one {type(answers).__name__}")
        answers = [answers]
    if len(answers) != n:
        raise _wrong_number(n, str(len(answers)))
    return answers


def _wrong_number(n: int, got: str) -> ConfigError:
    return ConfigError("oracle", f"{n} answers, one for each index", hint=f"It returned {got}.")


def _plain(answer: Any) -> Any:
    """Return an answer as a bool, a number or a text; None for a missing value."""
    if isinstance(answer, Tensor) or getattr(answer, "ndim", None) == 0:
        answer = answer.item() if answer.ndim == 0 else repr(answer)
    if answer is None or type(answer).__name__ in ("NAType", "NaTType") or answer != answer:
        return None
    if isinstance(answer, bytes):
        return answer.decode("utf-8", "replace")
    return answer if isinstance(answer, (bool, int, float)) else str(answer)
