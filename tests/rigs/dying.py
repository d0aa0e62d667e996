"""A reader that dies of tasks which say so: stands for whatever a mail or a file may do to its reader."""

import os
import pickle
import time
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from bot.adapters.child import ChildProcess
from bot.domain.understanding import Run

P = ParamSpec("P")
R = TypeVar("R")

KILLS, HANGS = b"X-Kills: yes", b"X-Hangs: yes"


def run_or_die(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a task as always, but end the process or never come back where what it is about asks for it."""
    task = pickle.dumps(args)
    if KILLS in task:
        os._exit(9)
    if HANGS in task:
        time.sleep(600)
    return function(*args, **kwargs)


def dying_in(child: ChildProcess) -> Run:
    """Run tasks in a child that dies of some."""

    def run(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return child.run(partial(run_or_die, function, *args, **kwargs))

    return run


def die_of_every_task() -> None:
    """Warm a child up so that it ends on whatever it is given, as one does that gets no memory."""
    pickle.loads = lambda *_: os._exit(9)
