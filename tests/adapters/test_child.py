"""The child process: its limits, its deaths, and that the next call works."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.adapters.child import ChildProcess
from bot.domain.mime import parse_mail, warm_up
from bot.errors import TransientError, UnreadableError
from tests.rigs.dying import die_of_every_task

MAILS = Path(__file__).parents[1] / "mails"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def child() -> Iterator[ChildProcess]:
    with ChildProcess(seconds=1) as kept:
        yield kept


def test_a_function_is_run_in_another_process(child: ChildProcess) -> None:
    assert child.run(os.getpid) != os.getpid()
    assert child.run(os.getpid) == child.run(os.getpid)


def test_a_call_that_takes_too_long_is_ended_and_the_next_one_works(child: ChildProcess) -> None:
    with pytest.raises(UnreadableError, match=r"^took longer than 1 s$"):
        child.run(time.sleep, 60)
    assert child.run(len, b"abc") == 3


def test_a_call_that_needs_too_much_memory_is_ended_and_the_next_one_works(child: ChildProcess) -> None:
    with pytest.raises(UnreadableError, match=r"^needed more than 2 GiB of memory$"):
        child.run(bytearray, 3 * 2**30)
    assert child.run(len, b"abc") == 3


def test_a_call_that_kills_the_child_is_reported_and_the_next_one_works(child: ChildProcess) -> None:
    with pytest.raises(UnreadableError, match=r"^the reader died$"):
        child.run(os._exit, 7)
    assert child.run(len, b"abc") == 3


def test_a_call_that_raises_is_reported_without_its_words(child: ChildProcess) -> None:
    with pytest.raises(UnreadableError, match=r"^the reader failed \(ValueError\)$"):
        child.run(int, "the secret text")
    assert child.run(len, b"abc") == 3


def test_a_result_that_cannot_be_sent_is_reported(child: ChildProcess) -> None:
    with pytest.raises(UnreadableError, match=r"^the reader failed \(TypeError\)$"):
        child.run(threading.Lock)
    assert child.run(len, b"abc") == 3


def test_a_child_that_was_killed_while_it_had_nothing_to_do_is_replaced(child: ChildProcess) -> None:
    os.kill(child.run(os.getpid), signal.SIGKILL)
    assert child.run(len, b"abc") == 3


def test_several_threads_may_call(child: ChildProcess) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda n: child.run(len, b"x" * n), range(40))) == list(range(40))


def test_large_mail_passes_both_ways(child: ChildProcess) -> None:
    assert child.run(bytes, b"x" * 5_000_000) == b"x" * 5_000_000


def test_a_closed_child_takes_no_more_calls() -> None:
    child = ChildProcess()
    pid = child.run(os.getpid)
    child.close()
    child.close()
    assert not alive(pid)
    with pytest.raises(TransientError, match="was closed"):
        child.run(len, b"abc")


def test_closing_ends_a_call_that_is_under_way() -> None:
    child = ChildProcess(seconds=60)
    child.run(os.getpid)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(child.run, time.sleep, 60)
        child.close()
        with pytest.raises(TransientError, match="was closed"):
            call.result()


def test_a_child_that_cannot_start_is_no_fault_of_the_mail() -> None:
    with ChildProcess(memory=30 * 2**20, warm_up=warm_up) as child, pytest.raises(TransientError):
        child.run(len, b"abc")


def test_a_child_for_which_there_are_no_descriptors_is_no_fault_of_the_mail_and_a_later_call_works() -> None:
    script = """
        import resource
        from bot.adapters.child import ChildProcess
        from bot.errors import TransientError
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        with ChildProcess() as child:
            for most in range(3, 9):
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
                try:
                    child.run(len, b"abc")
                except TransientError as error:
                    print(str(error).partition(";")[0], flush=True)
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
            print(child.run(len, b"abc"), flush=True)
    """
    with start(script) as parent:
        said, _ = parent.communicate(timeout=60)
    *refusals, answer = said.splitlines()
    assert set(refusals) == {"the reader of mail did not start"}
    assert answer == "3"


def test_a_mail_is_read_in_a_warm_child_as_it_is_here() -> None:
    raw = (MAILS / "thunderbird_nl_report.eml").read_bytes()
    with ChildProcess(warm_up=warm_up) as child:
        assert child.run(parse_mail, raw, own_hosts=["mx1.example.nl"]) == parse_mail(
            raw, own_hosts=["mx1.example.nl"]
        )


def alive(pid: int) -> bool:
    """Whether a process still runs; a zombie has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def start(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_killed_parent_leaves_no_child_behind() -> None:
    script = """
        import os, time
        from bot.adapters.child import ChildProcess
        child = ChildProcess()
        print(child.run(os.getpid), flush=True)
        time.sleep(60)
    """
    with start(script) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    for _ in range(200):
        if not alive(pid):
            break
        time.sleep(0.05)
    assert not alive(pid)


def test_a_signal_to_the_whole_group_leaves_the_work_of_the_child_alone() -> None:
    script = """
        import os, signal, time
        from bot.adapters.child import ChildProcess
        heard = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *about: heard.append(about[0]))
        with ChildProcess() as child:
            before = child.run(os.getpid)
            print("ready", flush=True)
            child.run(time.sleep, 1)
            print(len(heard), child.run(os.getpid) == before, flush=True)
    """
    with start(script) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "ready\n"
        os.killpg(parent.pid, signal.SIGINT)
        os.killpg(parent.pid, signal.SIGTERM)
        assert parent.stdout.readline() == "2 True\n"


def test_the_parts_of_one_task_share_their_time_and_what_is_left_is_not_begun() -> None:
    with ChildProcess() as child:
        run = child.within(0.2)
        run(time.sleep, 0.3)
        with pytest.raises(UnreadableError, match=r"longer than 0\.2 s"):
            run(len, b"")
        assert child.run(len, b"abc") == 3


def test_a_reader_that_dies_of_whatever_it_is_given_blames_no_mail() -> None:
    with ChildProcess(warm_up=die_of_every_task) as child, pytest.raises(TransientError, match="whatever"):
        child.run(len, b"abc")
