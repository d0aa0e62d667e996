"""Commands typed into this process, for tests that type many; the real program is in `rigs/desk.py`."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from bot.cli import main


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed."""

    returncode: int
    stdout: str
    stderr: str


TypeIn = Callable[..., Done]


@contextmanager
def command_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[TypeIn]:
    """Give a function that types a command in `folder`, with the named settings and no others.

    `answer` is what a person types after it. A traceback is an exception here and fails the test.
    """

    def type_in(*words: str | Path, answer: str = "", **settings: str | Path) -> Done:
        with pytest.MonkeyPatch.context() as machine:
            for name in [name for name in os.environ if name.startswith("MELDPUNT_")]:
                machine.delenv(name)
            for name, value in settings.items():
                machine.setenv(f"MELDPUNT_{name}", str(value))
            machine.chdir(folder)
            machine.setattr(sys, "argv", ["meldpunt", *map(str, words)])
            machine.setattr(sys, "stdin", io.StringIO(answer))
            with pytest.raises(SystemExit) as end:
                main()
        return Done(int(end.value.code or 0), *capsys.readouterr())

    yield type_in
    structlog.reset_defaults()
