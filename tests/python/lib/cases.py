"""Cases as every script here prints them, and the program under test."""
import os
import subprocess
import sys

STRAIT = os.environ["STRAIT"]
failures = []


def case(name, condition, why=""):
    """One case, by what must be true; `why` is said where it is not."""
    print(f"ok {name}" if condition else f"FAIL {name} {why}")
    if not condition:
        failures.append(name)


def finish():
    """Ends the script, with what its exit status must be."""
    sys.exit(1 if failures else 0)


def strait(*arguments):
    """What the program printed. Without exit status 0 the script ends: nothing after it could be held to anything."""
    done = subprocess.run([STRAIT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        print(done.stdout.decode(errors="replace"))
        print(f"FAIL strait-{arguments[0]} {' '.join(arguments)}: exit status {done.returncode}")
        sys.exit(1)
    return done.stdout
