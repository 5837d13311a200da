#!/usr/bin/env python3
"""Runs train_torch.py and train_strait.py in turn and prints a table; started by run.sh, which explains the options.

Each process is one cell, and each finished cell a file in --results: whatever was interrupted goes on where it stopped.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys

import machine
from shapes import SHAPES

HERE = os.path.dirname(os.path.abspath(__file__))
TORCH = "f32,f32-compiled,autocast,autocast-compiled,bf16,bf16-compiled"
STRAIT = "f32-exact,f32-fast,bf16-exact,bf16-fast"
# Like with like: what keeps float32 masters is held against what keeps them.
LIKE = {"f32": "f32", "bf16": "autocast"}


class Cells:
    """Finished processes, as files."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "machine.json")
        here = {"machine": machine.name(), "system": platform.platform()}
        if not os.path.exists(path):
            self.write(path, here)
        with open(path, encoding="utf-8") as handle:
            self.machine = json.load(handle)
        if self.machine["machine"] != here["machine"]:
            print(f"these are results of another machine: {self.machine['machine']}", file=sys.stderr)

    @staticmethod
    def write(path, value):
        with open(path + ".part", "w", encoding="utf-8") as handle:
            json.dump(value, handle, indent=1)
        os.replace(path + ".part", path)

    def path(self, model, side, turn):
        return os.path.join(self.folder, f"{model}.{side[0]}.{side[1]}.{turn}.json")

    def get(self, model, side, turn):
        path = self.path(model, side, turn)
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as handle:
            return json.load(handle)

    def all(self, model, side):
        cells = []
        while (cell := self.get(model, side, len(cells))) is not None:
            cells.append(cell)
        return cells

    def forget(self, wanted):
        for name in os.listdir(self.folder):
            path = os.path.join(self.folder, name)
            if name == "machine.json" or not name.endswith(".json"):
                continue
            with open(path, encoding="utf-8") as handle:
                failed = "failed" in json.load(handle)
            if name.split(".json")[0].split(".")[-3] == wanted or (wanted == "failed" and failed):
                os.remove(path)


def run(side, model, options):
    """One process; what did not fit, failed or took too long is a cell as well."""
    peer, variant = side
    command = [sys.executable, os.path.join(HERE, f"train_{peer}.py"), model, "--variant", variant, "--threads",
               str(options.threads), "--steps", str(options.steps)]
    if options.lock:
        command += ["--lock", options.lock]
    cell = {"date": datetime.datetime.now().isoformat(timespec="seconds")}
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=HERE, timeout=options.limit)
    except subprocess.TimeoutExpired:
        return {**cell, "failed": f"did not end in {options.limit} s"}
    if done.returncode != 0:
        last = (done.stderr or done.stdout).decode(errors="replace").strip().split("\n")[-1]
        how = f"killed by signal {-done.returncode}" if done.returncode < 0 else f"exit status {done.returncode}"
        return {**cell, "failed": f"{how}: {last[:200]}"}
    return {**cell, **json.loads(done.stdout.decode().strip().split("\n")[-1])}


def quiet_run(side, model, options):
    """The least disturbed of up to three tries."""
    best = None
    for _ in range(3):
        cell = run(side, model, options)
        if "failed" in cell:
            return cell
        if not best or cell["others"] < best["others"]:
            best = cell
        if options.neighbour or best["others"] <= options.quiet:
            break
    return best


def describe(model, side, turn, cell):
    head = f"{model} {side[0]} {side[1]}, round {turn + 1}: "
    if "failed" in cell:
        return head + cell["failed"]
    noise = f", others used {cell['others']:.0%} meanwhile" if cell["others"] > 0.02 else ""
    return head + f"{cell['tokens_per_second']:.0f} tokens/s, {cell['peak_bytes'] / 1e6:.0f} MB{noise}"


def measure(cells, models, sides, options):
    """The sides take turns, so that a busy moment is unkind to all of them."""
    for model in models:
        for turn in range(options.rounds):
            for side in sides:
                # What failed once (out of memory, above all) is not tried again.
                if cells.get(model, side, turn) or any("failed" in cell for cell in cells.all(model, side)):
                    continue
                cell = quiet_run(side, model, options)
                cells.write(cells.path(model, side, turn), cell)
                print(describe(model, side, turn, cell), flush=True)


def medians(cells, models, sides):
    table = {}
    for model in models:
        for side in sides:
            every = cells.all(model, side)
            good = [cell for cell in every if "failed" not in cell]
            if not good:
                table[model, side] = {"failed": every[0]["failed"]} if every else None
                continue
            rates = [cell["tokens_per_second"] for cell in good]
            keys = ("tokens_per_second", "peak_bytes", "seconds_before_first_step")
            table[model, side] = {**{key: statistics.median(cell[key] for cell in good) for key in keys},
                                  "least": min(rates), "most": max(rates), "rounds": len(good),
                                  "others": max(cell["others"] for cell in good), "versions": good[-1]["versions"]}
    return table


def best_peer(table, model, dtype):
    """The faster of eager and compiled."""
    rows = [table.get((model, ("torch", dtype + mode))) for mode in ("", "-compiled")]
    return max((row for row in rows if row and "failed" not in row), key=lambda row: row["tokens_per_second"], default=None)


def print_table(table, models, sides):
    print("| model | side | tokens/s (range) | rounds | peak memory | first step after | against its like: speed, memory |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for model in models:
        for side in sides:
            row = table[model, side]
            name = f"| {model} | {'PyTorch' if side[0] == 'torch' else 'Strait'} {side[1]} |"
            if not row or "failed" in row:
                print(f"{name} {row['failed'] if row else 'not measured'} | | | | |")
                continue
            against = ""
            like = best_peer(table, model, LIKE[side[1].split("-")[0]]) if side[0] == "strait" else None
            if like:
                against = (f"{row['tokens_per_second'] / like['tokens_per_second']:.2f}x, "
                           f"{row['peak_bytes'] / like['peak_bytes']:.2f}x")
            print(f"{name} {row['tokens_per_second']:.0f} ({row['least']:.0f}-{row['most']:.0f}) | {row['rounds']} | "
                  f"{row['peak_bytes'] / 1e6:.0f} MB | {row['seconds_before_first_step']:.2f} s | {against} |")


def parse_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", default=",".join(SHAPES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--torch", default=TORCH)
    parser.add_argument("--strait", default=STRAIT)
    parser.add_argument("--results", default=os.path.join(HERE, "..", "..", "build", "peers"))
    parser.add_argument("--again", choices=("torch", "strait", "failed"))
    parser.add_argument("--limit", type=int, default=3600)
    parser.add_argument("--quiet", type=float, default=0.05)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--lock")
    parser.add_argument("--neighbour", action="store_true")
    options = parser.parse_args()
    for model in options.models.split(","):
        if model not in SHAPES:
            sys.exit(f"error: no model is called {model}; there is: {', '.join(SHAPES)}")
    return options


def main():
    options = parse_options()
    models = options.models.split(",")
    sides = [("torch", variant) for variant in options.torch.split(",") if variant]
    sides += [("strait", variant) for variant in options.strait.split(",") if variant]
    cells = Cells(options.results + ("-neighbour" if options.neighbour else ""))
    if options.again:
        cells.forget(options.again)
    neighbour = None
    if not options.table:
        if options.neighbour:
            neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            measure(cells, models, sides, options)
        finally:
            if neighbour:
                neighbour.kill()
    table = medians(cells, models, sides)
    good = [row for row in table.values() if row and "failed" not in row]
    versions = sorted({row["versions"] for row in good})
    print(f"\n{cells.machine['machine']}, {options.threads} threads, {cells.machine['system']}"
          f"{', with one busy neighbour process' if options.neighbour else ''}; {'; '.join(versions)}; medians of the rounds, "
          "each the median of its steps;")
    print(f"other processes used at most {max((row['others'] for row in good), default=0):.0%} of the processors meanwhile\n")
    print_table(table, models, sides)


if __name__ == "__main__":
    main()
