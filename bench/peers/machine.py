"""What the machine is, who else uses it, and the lock by which benchmarks on a shared one take turns."""
import fcntl
import os
import platform
import time

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def name():
    with open("/proc/cpuinfo", encoding="utf-8") as handle:
        lines = handle.read().split("\n")
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    words = {word for line in lines if line.startswith("flags") for word in line.split()}
    flags = " ".join(flag for flag in FLAGS if flag in words)
    return f"{len(os.sched_getaffinity(0))} x {names[0] if names else platform.machine()} ({flags})"


class Others:
    """The share of the processors that other processes took since `begin`; `own_seconds` is ours in that time."""

    def __init__(self):
        self.busy, self.all = self.read()

    @staticmethod
    def read():
        with open("/proc/stat", encoding="ascii") as handle:
            values = [int(word) for word in handle.readline().split()[1:9]]
        tick = os.sysconf("SC_CLK_TCK")
        return (sum(values) - values[3] - values[4]) / tick, sum(values) / tick

    def share(self, own_seconds):
        busy, total = self.read()
        return max(busy - self.busy - own_seconds, 0) / max(total - self.all, 1e-9)


class Turn:
    """Exclusive hold of a lock file for at most about `limit` seconds at a time; no file, no lock."""

    def __init__(self, path, limit=60):
        self.handle = open(path, "a", encoding="ascii") if path else None
        self.limit = limit
        self.since = None

    def take(self):
        if not self.handle:
            return
        if self.since is not None and time.monotonic() - self.since > self.limit:
            self.give()
            time.sleep(0.5)
        if self.since is None:
            fcntl.flock(self.handle, fcntl.LOCK_EX)
            self.since = time.monotonic()

    def give(self):
        if self.handle and self.since is not None:
            fcntl.flock(self.handle, fcntl.LOCK_UN)
            self.since = None
