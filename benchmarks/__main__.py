"""`make bench`: print every measure; exit 1 when a limit is broken."""

import argparse
import subprocess
import sys
import time

from benchmarks.backlog import measure_backlog
from benchmarks.databases import measure_databases, measure_two_bots
from benchmarks.latency import measure_latency
from benchmarks.reports import measure_memory, measure_slow_tracker, measure_speed

HELP_SECONDS = 0.3


def measure_help() -> bool:
    """Print how long `meldpunt --help` takes, the best of five."""
    best = min(_seconds([sys.executable, "-m", "bot", "--help"]) for _ in range(5))
    print(f"meldpunt --help: {best:.2f} s (limit {HELP_SECONDS})")
    return best < HELP_SECONDS


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--mails", type=int, default=500)
    parser.add_argument(
        "--memory", type=int, default=5000, help="mails of the larger memory run; 0 leaves it out"
    )
    parser.add_argument("--databases", type=int, default=500, help="mails on each database; 0 leaves it out")
    parser.add_argument(
        "--samples", type=int, default=50, help="mails of the latency run, one at a time; 0 leaves it out"
    )
    parser.add_argument(
        "--backlog", type=int, default=5000, help="mails that wait while new ones come; 0 leaves it out"
    )
    asked = parser.parse_args()
    held = [measure_help()]
    if asked.mails:
        held += [measure_speed(asked.mails), measure_slow_tracker(asked.mails)]
    if asked.databases:
        held += [measure_databases(asked.databases), measure_two_bots(asked.databases)]
    if asked.samples:
        held.append(measure_latency(asked.samples))
    if asked.backlog:
        held.append(measure_backlog(asked.backlog))
    if asked.memory:
        held.append(measure_memory(asked.memory))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
