#!/usr/bin/env python3
"""Runs train_torch.py and train_strait.py in turn and prints a table; started by run.sh, whose options these are."""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

from shapes import SHAPES

HERE = os.path.dirname(os.path.abspath(__file__))


def cpu_name():
    with open("/proc/cpuinfo", encoding="utf-8") as handle:
        text = handle.read()
    names = [line.split(":", 1)[1].strip() for line in text.split("\n") if line.startswith("model name")]
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f" {flag} " in text.replace("\n", " \n")]
    return f"{len(os.sched_getaffinity(0))} x {names[0] if names else platform.machine()} ({' '.join(flags)})"


def busy_share(seconds=1.0):
    """Share of all processors' time that went into anything while this process slept."""
    def read():
        with open("/proc/stat", encoding="ascii") as handle:
            values = [int(word) for word in handle.readline().split()[1:]]
        return sum(values), values[3] + values[4]
    total, idle = read()
    time.sleep(seconds)
    total2, idle2 = read()
    return 1 - (idle2 - idle) / max(total2 - total, 1)


def run(peer, model, variant, options):
    """One process; None where it did not fit or failed, which is said and recorded."""
    command = [sys.executable, os.path.join(HERE, f"train_{peer}.py"), model, "--steps", str(options.steps),
               "--variant", variant, "--threads", str(options.threads)]
    before = busy_share()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=HERE)
    if done.returncode != 0:
        last = (done.stderr or done.stdout).decode(errors="replace").strip().split("\n")[-1]
        print(f"  {model} {peer} {variant}: exit status {done.returncode}: {last[:200]}", flush=True)
        return None
    result = json.loads(done.stdout.decode().strip().split("\n")[-1])
    noise = f", others used {before:.0%} before it" if before > 0.05 else ""
    print(f"  {model} {peer} {variant}: {result['tokens_per_second']:.0f} tokens/s, "
          f"{result['peak_bytes'] / 1e6:.0f} MB{noise}", flush=True)
    return result


def median_of(results):
    good = [result for result in results if result]
    if not good:
        return None
    keys = ("tokens_per_second", "peak_bytes", "seconds_before_first_step")
    return {**{key: statistics.median(result[key] for result in good) for key in keys}, "versions": good[0]["versions"]}


def compare(model, options):
    """The sides take turns, so that a busy moment is unkind to all of them."""
    sides = [("torch", variant) for variant in options.torch.split(",")]
    sides += [("strait", variant) for variant in options.strait.split(",")]
    results = {side: [] for side in sides}
    for turn in range(options.rounds):
        for side in sides:
            # What failed once (out of memory, above all) is not tried again.
            if turn == 0 or any(results[side]):
                results[side].append(run(side[0], model, side[1], options))
    return {side: median_of(results[side]) for side in sides}


def print_table(model, sides):
    fastest = max((m["tokens_per_second"] for (peer, _), m in sides.items() if m and peer == "torch"), default=None)
    for (peer, variant), m in sides.items():
        if not m:
            print(f"| {model} | {peer} {variant} | failed | | | |")
            continue
        ratio = f"{m['tokens_per_second'] / fastest:.2f}" if fastest else ""
        print(f"| {model} | {peer} {variant} | {m['tokens_per_second']:.0f} | {ratio} | {m['peak_bytes'] / 1e6:.0f} MB | "
              f"{m['seconds_before_first_step']:.2f} s |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", default="tiny,small")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--torch", default="f32")
    parser.add_argument("--strait", default="f32-exact")
    parser.add_argument("--neighbour", action="store_true")
    options = parser.parse_args()
    for model in options.models.split(","):
        if model not in SHAPES:
            sys.exit(f"error: no model is called {model}; there is: {', '.join(SHAPES)}")
    share = busy_share(3.0)
    print(f"{cpu_name()}, {options.threads} threads, {platform.platform()}, others use {share:.0%} of the processors")
    if share > 0.1:
        print("warning: this machine is not quiet; the figures will not mean much", file=sys.stderr)
    neighbour = None
    if options.neighbour:
        neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        print("with one busy neighbour process")
    try:
        table = {model: compare(model, options) for model in options.models.split(",")}
    finally:
        if neighbour:
            neighbour.kill()
    versions = sorted({m["versions"] for sides in table.values() for m in sides.values() if m})
    print(f"\n{'; '.join(versions)}; medians of {options.rounds} rounds in turn, each the median of {options.steps} steps\n")
    print("| model | side | tokens/s | of the fastest PyTorch | peak memory | first step starts after |")
    print("| --- | --- | --- | --- | --- | --- |")
    for model, sides in table.items():
        print_table(model, sides)


if __name__ == "__main__":
    main()
