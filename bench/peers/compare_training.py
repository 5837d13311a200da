#!/usr/bin/env python3
"""Runs train_torch.py and train_strait.py in turn and prints a table; started by run.sh. Options are those of run.sh."""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def cpu_name():
    with open("/proc/cpuinfo", encoding="utf-8") as handle:
        names = [line.split(":", 1)[1].strip() for line in handle if line.startswith("model name")]
    return f"{len(os.sched_getaffinity(0))} x {names[0] if names else platform.machine()}"


def run(peer, model, options):
    command = [sys.executable, os.path.join(HERE, f"train_{peer}.py"), model, "--steps", str(options.steps),
               "--threads", str(options.threads), "--dtype", options.dtype]
    done = subprocess.run(command, stdout=subprocess.PIPE, cwd=HERE)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}")
    result = json.loads(done.stdout.decode().strip().split("\n")[-1])
    print(f"  {model} {peer}: {result['tokens_per_second']:.0f} tokens/s, {result['peak_bytes'] / 1e6:.0f} MB", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", default="tiny,small")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    options = parser.parse_args()
    print(f"{cpu_name()}, {options.threads} threads, load {os.getloadavg()[0]:.1f}, {platform.platform()}")
    rows = []
    for model in options.models.split(","):
        results = {"torch": [], "strait": []}
        for _ in range(options.rounds):
            for peer in results:
                results[peer].append(run(peer, model, options))
        median = {peer: {key: statistics.median(r[key] for r in runs)
                         for key in ("tokens_per_second", "peak_bytes", "seconds_before_first_step")}
                  for peer, runs in results.items()}
        rows.append((model, median, [runs[0]["versions"] for runs in results.values()]))
    print(f"\n{rows[0][2][0]} (eager, sdpa, fused AdamW) against {rows[0][2][1]}, {options.dtype}, medians of "
          f"{options.rounds} rounds in turn, each the median of {options.steps} steps\n")
    print("| model | PyTorch tokens/s | strait tokens/s | ratio | PyTorch peak | strait peak | ratio | first step starts after |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for model, median, _ in rows:
        torch, strait = median["torch"], median["strait"]
        print(f"| {model} | {torch['tokens_per_second']:.0f} | {strait['tokens_per_second']:.0f} | "
              f"{strait['tokens_per_second'] / torch['tokens_per_second']:.2f} | {torch['peak_bytes'] / 1e6:.0f} MB | "
              f"{strait['peak_bytes'] / 1e6:.0f} MB | {strait['peak_bytes'] / torch['peak_bytes']:.2f} | "
              f"{torch['seconds_before_first_step']:.1f} s, {strait['seconds_before_first_step']:.2f} s |")


main()
