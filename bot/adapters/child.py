"""A child process that looks inside hostile mail, so that one mail cannot stop the machine.

Made by hand of a pipe and a process: in pebble's pool a worker that dies while idle breaks the pool, and
one killed while it sends leaves the caller waiting for ever.
"""

import contextlib
import os
import pickle
import resource
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast

from bot.domain.understanding import Run
from bot.errors import TransientError, UnreadableError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

GIBIBYTE = 2**30
START_SECONDS = 60
TRIES = 2
# A task of which no reader can die: one that does is not dying of the mail.
PROOF = pickle.dumps((len, (b"",), {}))

P = ParamSpec("P")
R = TypeVar("R")


class ChildProcess:
    """One kept child that runs pure, importable functions under limits, one call at a time.

    It is started by `prepare` or the first call, and replaced when it dies. Any thread may call; calls wait in line.
    `warm_up` runs in each new child before it takes work. Use as a context manager, or `close()` it.
    """

    def __init__(
        self,
        *,
        seconds: float = 20,
        memory: int = 2 * GIBIBYTE,
        warm_up: Callable[[], object] | None = None,
    ) -> None:
        """Take the limits of one call: wall-clock seconds, and bytes of address space."""
        self._seconds, self._memory, self._warm_up = seconds, memory, warm_up
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._greeted = False
        self._closed = False

    def prepare(self) -> None:
        """Start the child without waiting for it, so that the first call finds it warm."""
        with self._lock, contextlib.suppress(OSError):
            self._start()

    def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function in the child and give its result.

        Raises UnreadableError when it took too long, needed too much memory, raised, or killed the child
        twice; TransientError when no child could be started. The next call works in each case.
        """
        task = pickle.dumps((function, args, kwargs))
        with self._lock:
            # A child that died may have been killed from outside; one that dies twice dies of this task.
            for _ in range(TRIES):
                answer = self._answer(task)
                if answer is not None:
                    break
            if answer is None and self._answer(PROOF) is None:
                raise TransientError(
                    "the reader of mail dies whatever it is given; look at the memory that is free"
                )
        done, value = answer if answer is not None else (False, "the reader died")
        if not done:
            raise UnreadableError(value)
        return cast("R", value)

    def within(self, seconds: float) -> Run:
        """Give a `run` for the parts of one task that together may take so long, the last one begun in time."""
        ends = time.monotonic() + seconds

        def run(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
            if time.monotonic() > ends:
                raise UnreadableError(f"all of it took longer than {seconds:g} s")
            return self.run(function, *args, **kwargs)

        return run

    def close(self) -> None:
        """End the child at once, also in the middle of a call."""
        self._closed = True
        if process := self._process:
            process.kill()
        with self._lock:
            self._drop()

    def __enter__(self) -> Self:
        """Give the child itself; nothing is started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the child."""
        self.close()

    def _answer(self, task: bytes) -> tuple[bool, Any] | None:
        """Send a task and wait for (done, value or reason); None when the child died of whatever."""
        pipe = self._started()
        try:
            pipe.send_bytes(task)
            if not pipe.poll(self._seconds):
                self._drop()
                return False, f"took longer than {self._seconds:g} s"
            done, value, spoilt = pickle.loads(pipe.recv_bytes())  # noqa: S301 - our own code wrote it
        except (EOFError, OSError):
            self._drop()
            return None
        if spoilt:
            self._drop()
        return done, value

    def _started(self) -> Connection:
        try:
            pipe = self._pipe if self._pipe and self._process and self._process.is_alive() else self._start()
            if self._greeted or pipe.poll(START_SECONDS):
                self._greeted = self._greeted or bool(pipe.recv_bytes())
                return pipe
        except (EOFError, OSError):
            pass
        self._drop()
        raise TransientError(
            "the reader of mail did not start; look at the memory that is free, and at how many processes and "
            "open files this user may have"
        )

    def _start(self) -> Connection:
        self._drop()
        if self._closed:
            raise TransientError("the reader of mail was closed")
        self._greeted = False
        spawning = get_context("spawn")
        self._pipe, theirs = spawning.Pipe()
        with theirs:
            limits = (self._seconds, self._memory, self._warm_up)
            process = spawning.Process(target=_serve, args=(theirs, *limits), daemon=True)
            process.start()
        self._process = process
        return self._pipe

    def _drop(self) -> None:
        process, pipe, self._process, self._pipe = self._process, self._pipe, None, None
        if process:
            process.kill()
            process.join()
        if pipe:
            pipe.close()


def _serve(pipe: Connection, seconds: float, memory: int, warm_up: Callable[[], object] | None) -> None:
    """Take tasks until the parent is gone; what happens in the child."""
    os.setsid()  # signals to the parent's group are the parent's to judge
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the mail
    if warm_up:
        warm_up()
    pipe.send_bytes(b"ready")
    while True:
        try:
            task = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        # A parent that was killed cannot keep the time any more: the kernel then ends the child.
        signal.alarm(int(seconds) + 10)
        answer = _worked(task, memory)
        signal.alarm(0)
        pipe.send_bytes(answer)


def _worked(task: bytes, memory: int) -> bytes:
    """Run one task; give (done, result or reason, child spoilt) for the pipe."""
    try:
        function, args, kwargs = pickle.loads(task)  # noqa: S301 - our own code wrote it
        return pickle.dumps((True, function(*args, **kwargs), False))
    except MemoryError:
        return pickle.dumps((False, f"needed more than {memory / GIBIBYTE:g} GiB of memory", True))
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent hears of it
        return pickle.dumps((False, f"the reader failed ({type(error).__name__})", False))
