#!/usr/bin/env python3
"""Are two ways to train the same, up to the noise of seeds? Python's standard library only.

usage: curves.py train [options] CONFIG FOLDER    trains CONFIG with every seed in both ways (runs FOLDER/a-SEED and
                                                  FOLDER/b-SEED, made anew), then compares
         --a SETTINGS, --b SETTINGS   words for --set, separated by spaces; NAME=VALUE in capitals is environment
         --seeds N          seeds 1 .. N (5);  --other-seeds: b takes the N after them
         --steps N          of each run (300)
         --strait PROGRAM, --strait-b PROGRAM (build/strait)
       curves.py compare RUN... -- RUN...         compares runs that are there
         --last K           of the steps, compared by their mean loss (50)

Prints a table and, last, `ok`, `FAIL` or `skip` (both ways are one computation); the exit status is 1 after FAIL. What is
tested and how small a difference it finds: docs/testing.md, "Curves".
"""
import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys

ALPHA = 0.01


# ---- Student's t -------------------------------------------------------------------------------------------------------

def incomplete_beta(a, b, x):
    """The regularised incomplete beta function, by its continued fraction where that converges fast."""
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    if x <= 0:
        return 0.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 400):
        for term in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                     -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d = 1 / (1 + term * d)
            c = 1 + term / c
            value *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front * value


def t_two_sided(t, freedom):
    """The probability that |T| is at least |t|."""
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def t_quantile(probability, freedom):
    """What T exceeds with 1 - probability, for a probability above a half."""
    low, high = 0.0, 1e4
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if t_two_sided(middle, freedom) > 2 * (1 - probability) else (low, middle)
    return high


def mean(values):
    return sum(values) / len(values)


def variance(values):
    center = mean(values)
    return sum((value - center) ** 2 for value in values) / (len(values) - 1)


# ---- runs --------------------------------------------------------------------------------------------------------------

class Run:
    def __init__(self, folder):
        self.folder = folder
        try:
            with open(os.path.join(folder, "config.yaml"), encoding="utf-8") as handle:
                self.seed = int(re.search(r"^seed: *(\d+)", handle.read(), re.M).group(1))
            with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as handle:
                lines = [json.loads(line) for line in handle]
        except (OSError, ValueError, AttributeError) as error:
            sys.exit(f"curves: {folder} is not a run: {error}")
        self.losses = [line["loss"] for line in lines if "loss" in line]
        self.validation = [line["val_loss"] for line in lines if "val_loss" in line]
        if not self.losses or not all(isinstance(loss, (int, float)) and math.isfinite(loss) for loss in self.losses):
            sys.exit(f"FAIL curves {folder} has a loss that is not a number, or none: that run failed by itself")

    def end(self, last):
        return mean(self.losses[-last:])


def train(options, way, settings, seeds, program):
    environment, words = dict(os.environ), []
    for word in settings.split():
        name, _, value = word.partition("=")
        if re.fullmatch("[A-Z_]+", name):
            environment[name] = value
        else:
            words += ["--set", word]
    runs = []
    for seed in seeds:
        folder = os.path.join(options.folder, f"{way}-{seed}")
        shutil.rmtree(folder, ignore_errors=True)
        command = [program, "train", options.config, "--out", folder, "--set", f"steps={options.steps}", *words,
                   "--set", f"seed={seed}"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}:\n{done.stdout.decode(errors='replace')[-1500:]}")
        runs.append(Run(folder))
        print(f"  {way}, seed {seed}: {runs[-1].end(options.last):.4f}", file=sys.stderr)
    return runs


# ---- the comparison ----------------------------------------------------------------------------------------------------

def table(a, b, last):
    steps = len(a[0].losses)
    print(f"{'steps':>12} {'a':>9} {'b':>9} {'b - a':>9} {'sd(a)':>9} {'sd(b)':>9}   means over {len(a)} and {len(b)} runs")
    for begin in range(0, steps, last):
        row = [[mean(run.losses[begin:begin + last]) for run in runs] for runs in (a, b)]
        print(f"{begin + 1:>5} .. {min(begin + last, steps):>4} {mean(row[0]):>9.4f} {mean(row[1]):>9.4f} "
              f"{mean(row[1]) - mean(row[0]):>+9.4f} {math.sqrt(variance(row[0])):>9.4f} {math.sqrt(variance(row[1])):>9.4f}")
    if all(run.validation for run in a + b):
        row = [[run.validation[-1] for run in runs] for runs in (a, b)]
        print(f"{'validation':>12} {mean(row[0]):>9.4f} {mean(row[1]):>9.4f} {mean(row[1]) - mean(row[0]):>+9.4f} "
              f"{math.sqrt(variance(row[0])):>9.4f} {math.sqrt(variance(row[1])):>9.4f}")


def welch(x, y):
    """Whether the means of two samples differ: t, degrees of freedom, p."""
    vx, vy = variance(x) / len(x), variance(y) / len(y)
    if vx + vy == 0:
        return 0.0, 1.0, 1.0 if mean(x) == mean(y) else 0.0
    freedom = (vx + vy) ** 2 / (vx ** 2 / (len(x) - 1) + vy ** 2 / (len(y) - 1))
    t = (mean(y) - mean(x)) / math.sqrt(vx + vy)
    return t, freedom, t_two_sided(t, freedom)


def verdict(a, b, last):
    """Prints what was found, line by line; returns whether nothing speaks against the two being the same."""
    x, y = [run.end(last) for run in a], [run.end(last) for run in b]
    noise = math.sqrt(variance(x))
    t, freedom, p = welch(x, y)
    good = p >= ALPHA
    finds = (t_quantile(1 - ALPHA / 2, freedom) + t_quantile(0.9, freedom)) * math.sqrt(variance(x) / len(x) + variance(y) / len(y))
    print(f"Welch's t-test of the last {last} steps: b - a = {mean(y) - mean(x):+.4f}, t = {t:.2f}, p = {p:.3f} "
          f"({'not ' if good else ''}below {ALPHA}); finds {finds:.4f} in nine of ten cases")
    pairs = {run.seed: value for run, value in zip(a, x)}
    differences = [value - pairs[run.seed] for run, value in zip(b, y) if run.seed in pairs]
    if len(differences) < 2:
        print("no seed is in both: there are no pairs to compare")
        return good
    half = t_quantile(1 - ALPHA, len(differences) - 1) * math.sqrt(variance(differences) / len(differences))
    low, high = mean(differences) - half, mean(differences) + half
    inside = -noise < low and high < noise
    print(f"paired at equal seeds: b - a = {mean(differences):+.5f}, between {low:+.5f} and {high:+.5f} "
          f"({1 - 2 * ALPHA:.0%} confidence); {'within' if inside else 'NOT within'} the noise of a's seeds, {noise:.5f}")
    return good and inside


def same_numbers(a, b):
    pairs = {run.seed: run for run in a}
    both = [run for run in b if run.seed in pairs]
    return len(both) > 0 and all(run.losses == pairs[run.seed].losses for run in both)


def compare(a, b, last):
    lengths = {len(run.losses) for run in a + b}
    if len(lengths) != 1 or last > min(lengths) or len(a) < 2 or len(b) < 2:
        sys.exit(f"curves: runs of equal length, at least {last} steps, and two on each side are needed; "
                 f"there are {len(a)} and {len(b)} of {sorted(lengths)} steps")
    table(a, b, last)
    if same_numbers(a, b):
        print("skip curves at equal seeds every loss is the same number: one computation, nothing was compared")
        return 0
    good = verdict(a, b, last)
    print("ok curves the difference is within the noise of seeds" if good else
          "FAIL curves the difference is not shown to be within the noise of seeds")
    return 0 if good else 1


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ", 1)[1])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("train")
    one.add_argument("--a", default="numerics=exact dtype=bf16")
    one.add_argument("--b", default="numerics=fast dtype=bf16")
    one.add_argument("--seeds", type=int, default=5)
    one.add_argument("--other-seeds", action="store_true")
    one.add_argument("--steps", type=int, default=300)
    one.add_argument("--last", type=int, default=50)
    one.add_argument("--strait", default="build/strait")
    one.add_argument("--strait-b")
    one.add_argument("config")
    one.add_argument("folder")
    two = commands.add_parser("compare")
    two.add_argument("--last", type=int, default=50)
    two.add_argument("runs", nargs="+")
    words = sys.argv[1:]
    if "--" in words:  # argparse would swallow the word between the two lists
        words[words.index("--")] = "and"
    options = parser.parse_args(words)
    if options.command == "compare":
        if "and" not in options.runs:
            parser.error("two lists of runs are needed, with -- between them")
        middle = options.runs.index("and")
        return compare([Run(run) for run in options.runs[:middle]], [Run(run) for run in options.runs[middle + 1:]],
                       options.last)
    seeds = list(range(1, options.seeds + 1))
    others = [seed + options.seeds for seed in seeds] if options.other_seeds else seeds
    a = train(options, "a", options.a, seeds, options.strait)
    b = train(options, "b", options.b, others, options.strait_b or options.strait)
    print(f"a: {options.a}, seeds {seeds}\nb: {options.b}, seeds {others}")
    return compare(a, b, options.last)


if __name__ == "__main__":
    sys.exit(main())
