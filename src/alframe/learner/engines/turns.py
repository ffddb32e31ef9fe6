"""Threads that take turns: one works at a time, and all of them wait while the work of all is done at once.

Each trial of a packed sweep has a thread. A trial waits in the middle of a fit, so that its steps are taken
together with those of other trials. Because only one thread works at a time, nothing has to be locked, and
the order of the work is always the same.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Self

import torch

from alframe.learner.compute.device import same_bits
from alframe.learner.engines.reference import quiet_lightning

Ready = Callable[[], bool]


class Ended(BaseException):
    """Ends a waiting task, because the whole run was ended. `reason` is what ended it."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__()
        self.reason = reason


@dataclass(eq=False)
class _Task:
    """A task and its thread; the two queues pass the turn to the thread and back."""

    work: Callable[[], Any]
    ready: Ready = lambda: True
    turn: "SimpleQueue[Ended | None]" = field(default_factory=SimpleQueue)
    back: "SimpleQueue[None]" = field(default_factory=SimpleQueue)
    result: Any = None
    error: BaseException | None = None
    is_done: bool = False

    def main(self) -> None:
        ended = self.turn.get()
        try:
            self.result = self.work() if ended is None else None
        except BaseException as error:
            self.error = error
        self.is_done = True
        self.back.put(None)


class Turns:
    """Runs tasks in threads, of which one works at any time.

    Args:
        at_a_time: tasks that have begun and not ended, at most.

    Attributes:
        at_a_time: as given.
    """

    def __init__(self, at_a_time: int) -> None:
        self.at_a_time = at_a_time
        self._together: list[Callable[[], None]] = []
        self._now: _Task | None = None

    def add_work(self, work: Callable[[], None]) -> None:
        """Add what is done whenever no task is ready: it must make a task that waits for it ready."""
        self._together.append(work)

    def run(self, tasks: Iterable[Callable[[], Any]]) -> list[Any]:
        """Run tasks and return their results in order. An exception of a task ends the others.

        Raises:
            BaseException: that of a task, or one that reached this thread, such as KeyboardInterrupt. Tasks
                that wait get `Ended`; those that have not begun do not begin.
        """
        every = [_Task(work) for work in tasks]
        left, begun = iter(every), list[_Task]()
        # What a fit sets for all threads and later restores is set here, so that a fit which ends does not
        # restore it for those that go on.
        with quiet_lightning(), same_bits():
            self._run(left, begun)
        return [task.result for task in every]

    def _run(self, left: Iterator[_Task], begun: list[_Task]) -> None:
        try:
            while True:
                while len(begun) < self.at_a_time and (task := next(left, None)) is not None:
                    threading.Thread(target=task.main, daemon=True).start()
                    begun.append(task)
                if not begun:
                    return
                ready = [task for task in begun if task.ready()]
                for task in ready:
                    self._pass_turn(task)
                    if task.is_done:
                        begun.remove(task)
                        if task.error is not None:
                            raise task.error
                for work in [] if ready else self._together:
                    work()
        except BaseException as error:
            self._end(begun, error)
            raise

    def wait(self, ready: Ready) -> None:
        """Wait, in a task, until `ready` returns True.

        Raises:
            Ended: the whole run was ended.
        """
        task, here = self._now, _ThreadState.now()
        assert task is not None
        task.ready = ready
        task.back.put(None)
        ended = task.turn.get()
        here.restore()
        if ended is not None:
            raise ended

    def _pass_turn(self, task: _Task, ended: Ended | None = None) -> None:
        """Let a task work until it waits or is done."""
        here = _ThreadState.now()
        self._now = task
        task.turn.put(ended)
        interrupt: BaseException | None = None
        while True:
            try:
                task.back.get()
                break
            except BaseException as error:  # Ctrl-C reaches this thread, while another one works
                interrupt = error
        here.restore()
        if interrupt is not None:
            raise interrupt

    def _end(self, begun: list[_Task], reason: BaseException) -> None:
        for task in begun:
            while not task.is_done:
                self._pass_turn(task, Ended(reason))


@dataclass(frozen=True, kw_only=True)
class _ThreadState:
    """What torch has once for all threads, although it belongs to the work of one."""

    states: dict[Any, torch.Tensor]
    n_threads: int

    @classmethod
    def now(cls) -> Self:
        states = {torch.default_generator: torch.default_generator.get_state()}
        if torch.cuda.is_initialized():
            states |= {each: each.get_state() for each in torch.cuda.default_generators}
        return cls(states=states, n_threads=torch.get_num_threads())

    def restore(self) -> None:
        for generator, state in self.states.items():
            generator.set_state(state)
        torch.set_num_threads(self.n_threads)
