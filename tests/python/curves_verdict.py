#!/usr/bin/env python3
"""The verdict of tests/held/curves.py on made-up runs: it must pass what differs by chance and fail what does not."""
import json
import math
import os
import random
import subprocess
import sys

SCRIPT = os.path.join(os.environ["STRAIT_SOURCE"], "tests", "held", "curves.py")
sys.path.insert(0, os.path.dirname(SCRIPT))
import curves  # noqa: E402
from lib.cases import case, finish  # noqa: E402


def make(way, seeds, shift, own_noise, steps=100):
    """Runs whose ends differ by seed with a deviation of 0.02, and at equal seeds by `shift` and `own_noise`."""
    folders = []
    for seed in seeds:
        folders.append(f"{way}-{seed}")
        os.makedirs(folders[-1])
        level = 4 + random.Random(seed).gauss(0, 0.02) + shift + random.Random(f"{way}{seed}").gauss(0, 1) * own_noise
        with open(f"{folders[-1]}/config.yaml", "w", encoding="utf-8") as handle:
            handle.write(f"numerics: fast\nseed: {seed}\n")
        with open(f"{folders[-1]}/metrics.jsonl", "w", encoding="utf-8") as handle:
            for step in range(steps):
                handle.write(json.dumps({"step": step + 1, "loss": level + 3 * 0.9 ** step}) + "\n")
    return folders


def compare(name, status, word, a, b):
    done = subprocess.run([sys.executable, SCRIPT, "compare", *a, "--", *b], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode()
    case(name, done.returncode == status and word in text, f"exit status {done.returncode}, {status} and {word!r} wanted: {text}")


def tail(t, freedom):
    """The probability that |T| is at least t, by Simpson's rule over its density."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    points = [scale * (1 + (t * i / 1000) ** 2 / freedom) ** (-(freedom + 1) / 2) for i in range(1001)]
    return 1 - 2 * t / 3000 * (points[0] + points[-1] + 4 * sum(points[1:-1:2]) + 2 * sum(points[2:-1:2]))


# Values of any table of Student's t, and broken degrees of freedom.
for freedom, probability, value in ((4, 0.99, 3.747), (8, 0.995, 3.355), (8, 0.9, 1.397)):
    case(f"t-{freedom}-{probability}", abs(curves.t_quantile(probability, freedom) - value) < 1e-3,
         f"{curves.t_quantile(probability, freedom)} is not {value}")
for t, freedom in ((2.306, 8), (0.5, 1), (3.1, 2.5), (2.4249, 4.4118)):
    case(f"t-two-sided-{t}-{freedom}", abs(curves.t_two_sided(t, freedom) - tail(t, freedom)) < 1e-9,
         f"{curves.t_two_sided(t, freedom)} is not {tail(t, freedom)}")
t, freedom, _ = curves.welch([1, 2, 3, 4], [3, 5, 7, 9])
case("welch", abs(t - 3.5 / math.sqrt(25 / 12)) < 1e-12 and abs(freedom - 75 / 17) < 1e-12, f"{t}, {freedom}")

first, second = range(1, 6), range(6, 11)
base = make("base", first, 0, 0)
compare("equal-is-skipped", 0, "skip curves", base, make("equal", first, 0, 0))
compare("rounding-passes", 0, "ok curves", base, make("rounding", first, 0, 0.002))
compare("other-seeds-pass", 0, "ok curves", base, make("seeds", second, 0, 0))
compare("small-shift-passes", 0, "ok curves", base, make("small", first, 0.004, 0.001))
compare("one-deviation-fails", 1, "FAIL curves", base, make("one", first, 0.03, 0.002))
compare("worse-with-other-seeds-fails", 1, "FAIL curves", base, make("worse", second, 0.12, 0.002))
compare("unequal-lengths-are-refused", 1, "equal length", base, make("short", first, 0, 0.001, steps=80))
with open("base-3/metrics.jsonl", "a", encoding="utf-8") as bad:
    bad.write('{"step": 101, "loss": NaN}\n')
compare("not-a-number-is-refused", 1, "base-3 has a loss that is not a number", base, base)
compare("no-run-is-refused", 1, "nowhere is not a run", ["nowhere", "nowhere"], base)
finish()
