"""A dead bot of this machine is known as dead; whoever cannot be looked at is not."""

import subprocess
import sys

import pytest

from bot.adapters.store.holder import is_dead, own_holder


def _holder_of_a_killed_process() -> str:
    words = "import time; from bot.adapters.store.holder import own_holder as name"
    program = f"{words}; print(name(), flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        holder = process.stdout.readline().strip()
        assert not is_dead(holder)
        process.kill()
    return holder


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")
def test_a_killed_process_is_dead_and_a_living_one_is_not() -> None:
    assert is_dead(_holder_of_a_killed_process())
    assert not is_dead(own_holder())


def test_a_number_that_another_process_has_now_does_not_keep_the_dead_alive() -> None:
    place, process, began, word = own_holder().split("/")
    assert is_dead("/".join((place, process, f"{began}1", word))) is (place != "-")


def test_the_same_process_on_a_machine_of_another_name_is_not_called_dead() -> None:
    place, _, began, word = own_holder().split("/")
    start, namespace, host = place.split(":", 2)
    assert not is_dead("/".join((f"{start}:{namespace}:{host}x", "999999", began, word)))
    assert not is_dead("/".join((f"{start}:1:{host}", "999999", began, word)))


def test_a_holder_fits_into_its_column_and_no_two_are_the_same() -> None:
    assert own_holder() != own_holder()
    assert len(own_holder()) <= 200


@pytest.mark.parametrize("holder", ["bot-a", "-/1/-/x", "elsewhere:1/999999/5/x", "", "a/b/c/d"])
def test_a_holder_that_cannot_be_looked_at_is_not_called_dead(holder: str) -> None:
    assert not is_dead(holder)
