#!/usr/bin/env python3
"""Appends one dated row for each standard step to bench/history.csv, so that a slow-down is seen.

usage: bench/history.py [--models tiny,small] [--rounds 3] [--file bench/history.csv]
Each figure is the best of the rounds. Compare `of_matmul`, the share of the matrix product's own rate measured in the same
process, across machines; tokens per second only between rows of one machine. The last column says how much slower a row is
than the best earlier one of the same machine, model, dtype and numerics; by 5 % or more, the command says so and ends with 1.
"""
import argparse
import csv
import datetime
import json
import os
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
COLUMNS = ["date", "commit", "machine", "implementation", "threads", "model", "dtype", "numerics", "tokens_per_second",
           "of_matmul", "peak_mb", "against_best"]
# Less of the best earlier row than this is a slow-down: runs on a quiet machine differ by less.
SLOWER = 0.95
CASES = [("f32", "exact"), ("bf16", "exact"), ("bf16", "fast")]


def commit():
    def git(*words):
        return subprocess.run(["git", "-C", ROOT, *words], stdout=subprocess.PIPE).stdout.decode().strip()
    return git("rev-parse", "--short=10", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")


def measure(model, dtype, numerics):
    command = [os.path.join(ROOT, "build", "strait"), "bench", "step", "--json", "--model", model, "--dtype", dtype,
               "--numerics", numerics]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
    return json.loads(done.stdout)


def best_before(rows, row):
    same = ("machine", "implementation", "threads", "model", "dtype", "numerics")
    rates = [float(old["tokens_per_second"]) for old in rows if all(old[key] == row[key] for key in same)]
    return max(rates, default=None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", default="tiny,small")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--file", default=os.path.join(ROOT, "bench", "history.csv"))
    options = parser.parse_args()
    rows = []
    if os.path.exists(options.file):
        with open(options.file, newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
    added = []
    slower = []
    for model in options.models.split(","):
        for dtype, numerics in CASES:
            r = max((measure(model, dtype, numerics) for _ in range(options.rounds)), key=lambda m: m["tokens_per_second"])
            row = {"date": datetime.date.today().isoformat(), "commit": commit(), "machine": r["device"],
                   "implementation": r["implementation"], "threads": str(r["threads"]), "model": model, "dtype": dtype,
                   "numerics": numerics, "tokens_per_second": f"{r['tokens_per_second']:.0f}",
                   "of_matmul": f"{r['mfu_causal_exact']:.3f}", "peak_mb": f"{r['peak_resident_bytes'] / 1e6:.0f}"}
            best = best_before(rows, row)
            row["against_best"] = f"{float(row['tokens_per_second']) / best:.3f}" if best else ""
            added.append(row)
            print(", ".join(f"{key} {row[key]}" for key in COLUMNS[5:]), flush=True)
            if best and float(row["against_best"]) < SLOWER:
                slower.append(f"{model} {dtype} {numerics}: {1 - float(row['against_best']):.0%} slower than the best earlier row")
    new = not rows
    with open(options.file, "a", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(added)
    if slower:
        sys.exit("slower than before:\n  " + "\n  ".join(slower))


if __name__ == "__main__":
    main()
