#!/usr/bin/env python3
"""Mixtures of experts against dense models of the same active size: how much of the dense rate is left.

usage: bench/moe.py [--rounds 3] [--sequences 2] [--length 512] [--dtype f32]
Hidden 512, 4 layers. 16 experts of width 512, 2 for a token, against a dense model with width 1024; 64 of 128, 8 for a token,
against the same. Forward and backward by `strait bench ops`, which waits for each op; the optimizer, which has eight times the
parameters, apart. Both sides run in turn; a figure is the best of its rounds.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

STRAIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build", "strait")
SHAPE = {"hidden_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 64,
         "vocab_size": 4096, "max_position_embeddings": 4096, "tie_word_embeddings": True, "rms_norm_eps": 1e-6,
         "rope_theta": 10000.0, "hidden_act": "silu"}
MIXTURES = [(16, 512, 2, 0.85), (64, 128, 8, 0.60)]
# What each op belongs to; the rest is what both models have, and the dense model's MLP.
PARTS = {"products": ("moe_linear",), "routing": ("moe_choose", "moe_weigh", "moe_dispatch", "moe_combine"),
         "optimizer": ("grad_norm", "adamw")}


def config(folder, name, extra):
    path = os.path.join(folder, name + ".json")
    with open(path, "w", encoding="utf-8") as handle:
        json.dump({**SHAPE, **extra}, handle)
    return path


def models(folder):
    for experts, width, k, target in MIXTURES:
        dense = config(folder, f"dense-{k * width}", {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"],
                                                      "intermediate_size": k * width})
        mixture = config(folder, f"{experts}x{width}-{k}",
                         {"model_type": "qwen3_moe", "architectures": ["Qwen3MoeForCausalLM"], "intermediate_size": k * width,
                          "moe_intermediate_size": width, "num_experts": experts, "num_experts_per_tok": k,
                          "norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": []})
        yield f"{experts} experts x {width}, {k} a token", dense, mixture, target


def part_of(op):
    return next((part for part, begins in PARTS.items() if op.startswith(begins)), "the rest")


def parts(model, options):
    """Seconds and operations of each part of one step."""
    command = [STRAIT, "bench", "ops", "--json", "--model", model, "--sequences", str(options.sequences), "--length",
               str(options.length), "--dtype", options.dtype]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
    found = {}
    for row in json.loads(done.stdout)["ops"]:
        seconds, flops = found.get(part_of(row["op"]), (0.0, 0.0))
        found[part_of(row["op"])] = (seconds + row["seconds"], flops + row["seconds"] * row["flops_per_second"])
    return found


def forward_and_backward(found):
    return sum(seconds for part, (seconds, _) in found.items() if part != "optimizer")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sequences", type=int, default=2)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--dtype", default="f32")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, dense, mixture, target in models(folder):
            best = {}
            for _ in range(options.rounds):
                for label, model in (("dense", dense), ("mixture", mixture)):
                    found = parts(model, options)
                    if label not in best or forward_and_backward(found) < forward_and_backward(best[label]):
                        best[label] = found
            seconds = {label: forward_and_backward(found) for label, found in best.items()}
            # The router's operations are the mixture's alone and are not counted: 1 % at most here.
            print(f"{name}: {seconds['dense'] / seconds['mixture']:.0%} of the dense rate (wanted: {target:.0%}); "
                  f"load {os.getloadavg()[0]:.1f}")
            for label, found in best.items():
                print(f"  {label} {seconds[label] * 1e3:.0f} ms: " + "; ".join(
                    f"{part} {time * 1e3:.0f} ms, {flops / time * 1e-9:.0f} GFLOP/s"
                    for part, (time, flops) in sorted(found.items())))


main()
