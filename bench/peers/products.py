#!/usr/bin/env python3
"""The matrix products of a model's step, PyTorch's bf16 against ours, in turn; started by products.sh, which explains the options.

Ours: the linear ops of `strait bench ops`, which count whole ops with packing, several projections of one input together.
PyTorch's: F.linear, dy @ w and dy.T @ x on the same shapes in bf16, each projection alone as models do and, where it is
faster, the projections joined. Nothing but products is timed on either side.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import machine
import train_strait
from shapes import SHAPES

KINDS = {"linear": "forward", "linear_dx": "dX", "linear_dw": "dW"}


def ours(config, shape, micro, options):
    """Operations per second and operations of each linear op: {(kind, m, k, widths): [rate, flops]}."""
    command = [train_strait.STRAIT, "bench", "ops", "--json", "--model", config, "--dtype", "bf16", "--numerics", "fast",
               "--sequences", str(micro), "--micro-batch", str(micro), "--length", str(shape["length"]), "--steps", "2",
               "--threads", str(options.threads)]
    report = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    found = {}
    for row in report["ops"]:
        if row["op"] not in KINDS:
            continue
        m, k, count, *widths = map(int, row["dims"].split())
        key = (KINDS[row["op"]], m, k, tuple(widths[:count]))
        rate, seconds = found.get(key, (0.0, 0.0))
        flops = rate * seconds + row["flops_per_second"] * row["seconds"]
        found[key] = (flops / (seconds + row["seconds"]), seconds + row["seconds"])
    return found


def best_seconds(run, least=0.25):
    """The median of enough repetitions to fill a quarter of a second."""
    run()
    times = []
    while sum(times) < least or len(times) < 5:
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def peers(torch, key):
    """PyTorch's operations per second on one shape, the better of projections alone and joined."""
    kind, m, k, widths = key
    best = 0.0
    for parts in {widths, (sum(widths),)}:
        x = torch.randn(m, k).bfloat16()
        weights = [torch.randn(n, k).bfloat16() for n in parts]
        grads = [torch.randn(m, n).bfloat16() for n in parts]

        def forward():
            for w in weights:
                torch.nn.functional.linear(x, w)

        def input_gradient():
            total = grads[0] @ weights[0]
            for g, w in zip(grads[1:], weights[1:]):
                total = total + g @ w

        def weight_gradient():
            for g in grads:
                g.t() @ x

        run = {"forward": forward, "dX": input_gradient, "dW": weight_gradient}[kind]
        best = max(best, 2.0 * m * k * sum(widths) / best_seconds(run))
    return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", default="small,qwen3-0.6b-2048")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    import torch
    torch.set_num_threads(options.threads)
    print(f"{machine.name()}; torch {torch.__version__}; medians of {options.rounds} rounds in turn, GFLOP/s, all threads")
    print("| model | product | tokens | shape | PyTorch | Strait | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for model in options.models.split(","):
        if model not in SHAPES:
            sys.exit(f"error: no model is called {model}; there is: {', '.join(SHAPES)}")
        shape = SHAPES[model]
        micro = max(1, train_strait.MICRO_TOKENS // shape["length"])
        rates = {}
        with tempfile.TemporaryDirectory(prefix="strait-peer.") as work, torch.no_grad():
            config = os.path.join(work, "config.json")
            with open(config, "w", encoding="ascii") as handle:
                json.dump(train_strait.config_of(shape), handle)
            for _ in range(options.rounds):
                for key, (rate, _) in ours(config, shape, micro, options).items():
                    rates.setdefault(key, []).append((peers(torch, key), rate))
        for key in sorted(rates, key=lambda key: (list(KINDS.values()).index(key[0]), key)):
            kind, m, k, widths = key
            peer, our = (statistics.median(pair[side] for pair in rates[key]) / 1e9 for side in (0, 1))
            shape_text = f"{k} to {'+'.join(map(str, widths))}"
            print(f"| {model} | {kind} | {m} | {shape_text} | {peer:.0f} | {our:.0f} | {our / peer:.2f} |", flush=True)


if __name__ == "__main__":
    main()
