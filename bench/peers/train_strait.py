#!/usr/bin/env python3
"""Our side of the comparison: `strait train` on random tokens, the same shapes and the same work as train_torch.py.

usage: train_strait.py MODEL [--variant f32|bf16][-exact|-fast] [--steps N] [--warmup N] [--threads N]
bf16 stores weights and activations in bfloat16 beside float32 masters and states. Prints one line of JSON with the same
members.
"""
import argparse
import json
import os
import random
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

from shapes import SHAPES

STRAIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "strait")
VARIANTS = [f"{dtype}-{numerics}" for dtype in ("f32", "bf16") for numerics in ("exact", "fast")]
CONFIG = """
model:
  init: {{vocab_size: {vocab}, hidden_size: {hidden}, intermediate_size: {ffn}, num_hidden_layers: {layers},
         num_attention_heads: {heads}, num_key_value_heads: {kv}, head_dim: {head_dim}, tie_word_embeddings: true,
         max_position_embeddings: {length}}}
data: {{train: tokens, sequence_length: {length}}}
batch: {{sequences: {batch}}}
optimizer: {{lr: 1e-3, weight_decay: 0.1, clip: 1}}
schedule: {{name: constant}}
steps: {steps}
threads: {threads}
dtype: {dtype}
numerics: {numerics}
evaluate: {{every: 0}}
checkpoint: {{every: 0}}
run: run
"""


def write_tokens(prefix, vocab, count):
    """One document of random tokens as a pair of Megatron files."""
    numbers = random.Random(1)
    narrow = vocab < 65500
    with open(prefix + ".bin", "wb") as handle:
        handle.write(struct.pack(f"<{count}{'H' if narrow else 'i'}", *(numbers.randrange(vocab) for _ in range(count))))
    with open(prefix + ".idx", "wb") as handle:
        handle.write(b"MMIDIDX\0\0" + struct.pack("<QBQQiqqq", 1, 8 if narrow else 4, 1, 2, count, 0, 0, 1))


def measured(model, variant, threads, warmup, steps):
    shape = SHAPES[model]
    dtype, numerics = variant.split("-")
    total = warmup + steps
    work = tempfile.mkdtemp(prefix="strait-peer.")
    try:
        write_tokens(os.path.join(work, "tokens"), shape["vocab"], shape["batch"] * shape["length"] * total + 1)
        with open(os.path.join(work, "run.yaml"), "w", encoding="ascii") as handle:
            handle.write(CONFIG.format(steps=total, threads=threads, dtype=dtype, numerics=numerics, **shape))
        begun = time.time()
        # Only the steps are compared: the checkpoint at the end of a run is written outside of them.
        done = subprocess.run([STRAIT, "train", "run.yaml"], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            sys.exit(done.stdout.decode(errors="replace"))
        with open(os.path.join(work, "run", "metrics.jsonl"), encoding="utf-8") as handle:
            lines = [json.loads(line) for line in handle]
    finally:
        shutil.rmtree(work)
    return {
        "tokens_per_second": shape["batch"] * shape["length"] / statistics.median(
            line["step_seconds"] for line in lines[warmup:]),
        "peak_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
        "seconds_before_first_step": lines[0]["time"] - lines[0]["step_seconds"] - begun,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=sorted(SHAPES))
    parser.add_argument("--variant", choices=VARIANTS, default="f32-exact")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    result = {"peer": "strait", "model": options.model, "variant": options.variant, "threads": options.threads}
    result.update(measured(options.model, options.variant, options.threads, options.warmup, options.steps))
    result["versions"] = subprocess.run([STRAIT, "--version"], stdout=subprocess.PIPE).stdout.decode().strip()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
