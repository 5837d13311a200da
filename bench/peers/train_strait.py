#!/usr/bin/env python3
"""Our side of the comparison: `strait bench step`, the same shapes and the same work as train_torch.py.

usage: train_strait.py MODEL [--variant f32|bf16][-exact|-fast] [--steps N] [--threads N] [--lock FILE]
Both sides train on random tokens that lie in memory. bf16 stores weights and activations in bfloat16 beside float32
masters and states. Prints one line of JSON with the same members as train_torch.py.
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile

import machine
from shapes import SHAPES

STRAIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "strait")
# As fast as the 1,024 that are chosen otherwise where there are few threads, and in less memory.
MICRO_TOKENS = 512
VARIANTS = [f"{dtype}-{numerics}" for dtype in ("f32", "bf16") for numerics in ("exact", "fast")]


def config_of(shape):
    return {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "vocab_size": shape["vocab"],
            "hidden_size": shape["hidden"], "intermediate_size": shape["ffn"], "num_hidden_layers": shape["layers"],
            "num_attention_heads": shape["heads"], "num_key_value_heads": shape["kv"], "head_dim": shape["head_dim"],
            "tie_word_embeddings": True, "max_position_embeddings": shape["length"], "rms_norm_eps": 1e-6,
            "rope_theta": 1e6, "hidden_act": "silu"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=sorted(SHAPES))
    parser.add_argument("--variant", choices=VARIANTS, default="f32-exact")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--lock")
    options = parser.parse_args()
    shape = SHAPES[options.model]
    dtype, numerics = options.variant.split("-")
    with tempfile.TemporaryDirectory(prefix="strait-peer.") as work:
        config = os.path.join(work, "config.json")
        with open(config, "w", encoding="ascii") as handle:
            json.dump(config_of(shape), handle)
        turn = machine.Turn(options.lock)
        turn.take()
        others = machine.Others()
        done = subprocess.run([STRAIT, "bench", "step", "--json", "--model", config, "--dtype", dtype, "--numerics", numerics,
                               "--sequences", str(shape["batch"]), "--length", str(shape["length"]),
                               "--micro-batch", str(max(1, MICRO_TOKENS // shape["length"])), "--threads",
                               str(options.threads), "--steps", str(options.steps or shape["steps"])],
                              stdout=subprocess.PIPE)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        share = others.share(usage.ru_utime + usage.ru_stime)
        turn.give()
    if done.returncode != 0:
        sys.exit(done.returncode)
    report = json.loads(done.stdout)
    print(json.dumps({
        "peer": "strait", "model": options.model, "variant": options.variant, "threads": report["threads"],
        "parameters": report["parameters"], "tokens_per_second": report["tokens_per_second"],
        "peak_bytes": report["peak_resident_bytes"], "seconds_before_first_step": report["first_step_at"],
        "others": share,
        "versions": subprocess.run([STRAIT, "--version"], stdout=subprocess.PIPE).stdout.decode().strip(),
    }))


if __name__ == "__main__":
    main()
