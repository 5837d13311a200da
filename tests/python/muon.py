#!/usr/bin/env python3
"""Muon's steps against float64: what a run's checkpoints say its matrices became, recomputed by numpy.

The momentum that a checkpoint keeps gives the gradient; a learning rate of 1 makes the weights show the update to the
last bits. Distances are of the whole update, relative L2. Where the gradient has full rank, 1e-5. Where it has not (few
tokens), the singular values that should be zero are rounding errors of f32, and each of five iterations multiplies small
ones by 3.4445: 485 in all, times 2^-24 and what a product's rounding adds, hence 2e-4.
"""
import glob
import os
import subprocess
import sys

import numpy as np
from safetensors.numpy import load_file

from lib.cases import STRAIT, case, finish, strait

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
FULL, DEFICIENT = 1e-5, 2e-4
MODELS = {
    "dense": "{hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2,"
    " head_dim: 8, tie_word_embeddings: false}",
    "experts": "{model_type: qwen3_moe, hidden_size: 32, intermediate_size: 48, moe_intermediate_size: 20, num_experts: 6,"
    " num_experts_per_tok: 2, num_hidden_layers: 2, num_attention_heads: 6, num_key_value_heads: 2, head_dim: 8}",
}


def train(name, model, sequences, length, steps, optimizer, dtype="f32"):
    """The parameters (f32 masters) and momenta after each step, the initial ones first."""
    with open(f"{name}.yaml", "w", encoding="utf-8") as handle:
        handle.write(f"""
model: {{init: {MODELS[model]}}}
tokenizer: tokenizer
data: {{train: data_train, sequence_length: {length}}}
batch: {{sequences: {sequences}}}
optimizer: {{name: muon, weight_decay: 0.25, {optimizer}}}
schedule: {{name: constant}}
dtype: {dtype}
steps: {steps}
checkpoint: {{every: 1, keep: 9}}
run: {name}
""")
    strait("train", f"{name}.yaml")
    states = []
    for folder in sorted(glob.glob(f"{name}/checkpoints/step-*")):
        moments = load_file(f"{folder}/optimizer.safetensors")
        weights = {n[7:]: t for n, t in moments.items() if n.startswith("master.")} or load_file(f"{folder}/model.safetensors")
        states.append((weights, moments))
    return states


def is_matrix(name):
    return name.startswith("model.layers.") and name.endswith("_proj.weight")


def orthogonalized(direction):
    a, b, c = COEFFICIENTS
    x = direction / max(np.linalg.norm(direction), 1e-7)
    if x.shape[0] > x.shape[1]:
        return orthogonalized(direction.T).T
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def scale_of(kind, shape):
    m, n = shape
    return np.sqrt(max(1, m / n)) if kind == "original" else 0.2 * np.sqrt(max(m, n))


def distance(before, after, now, last, lr, kind, decay=0.25, momentum=0.95):
    """Between the update that was made and the one in float64; and the rank of the direction."""
    moment = now.astype(np.float64)
    gradient = moment - momentum * last
    direction = gradient + momentum * moment
    scale = lr * scale_of(kind, moment.shape)
    done = (before.astype(np.float64) * (1 - lr * decay) - after) / scale
    wanted = orthogonalized(direction)
    singular = np.linalg.svd(direction, compute_uv=False)
    rank = int((singular > 1e-5 * singular[0]).sum()) if singular[0] > 0 else 0
    norm = np.linalg.norm(wanted)
    return np.linalg.norm(done - wanted) / norm if norm > 0 else np.linalg.norm(done), rank


def check(name, states, lr, kind):
    """The second step, and those after it; the first starts from weights that no checkpoint has."""
    worst = {True: 0.0, False: 0.0}
    compared = 0
    for (before, last), (after, now) in zip(states, states[1:]):
        for matrix in filter(is_matrix, before):
            off, rank = distance(before[matrix], after[matrix], now["m." + matrix], last["m." + matrix], lr, kind)
            full = rank == min(before[matrix].shape)
            compared += 1
            worst[full] = max(worst[full], off)
    case(f"{name}-within", compared > 0 and worst[True] <= FULL and worst[False] <= DEFICIENT,
         f"{compared} matrices, full rank {worst[True]:.2g}, deficient {worst[False]:.2g}")
    print(f"{name}: {compared} matrices, largest distance at full rank {worst[True]:.2g}, deficient {worst[False]:.2g}",
          file=sys.stderr)
    return worst


def check_who(name, states):
    """Muon keeps no second moment; all others have AdamW's."""
    moments = states[-1][1]
    matrices = [n for n in moments if n.startswith("v.") and is_matrix(n[2:])]
    others = [n for n in moments if n.startswith("v.") and not is_matrix(n[2:])]
    case(f"{name}-matrices-are-muons", matrices and all(not moments[n].any() for n in matrices))
    case(f"{name}-others-are-adamws", others and all(moments[n].any() for n in others),
         " ".join(n for n in others if not moments[n].any()))


def check_resumed(states):
    """Stopped after each step, the run comes to the same bits, and no other optimizer takes it up."""
    with open("dense.yaml", encoding="utf-8") as handle:
        config = handle.read().replace("run: dense", "run: resumed")
    with open("resumed.yaml", "w", encoding="utf-8") as handle:
        handle.write(config)
    strait("train", "resumed.yaml", "--set", "steps=1")
    strait("train", "resumed.yaml", "--resume", "--set", "steps=2", "--set", "threads=2")
    refused = subprocess.run([STRAIT, "train", "resumed.yaml", "--resume", "--set", "optimizer.name=adamw"],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    case("resumed-only-by-muon", refused.returncode != 0 and b"optimizer.name" in refused.stdout, refused.stdout.decode())
    strait("train", "resumed.yaml", "--resume")
    folder = "resumed/checkpoints/step-00000003"
    now = (load_file(f"{folder}/model.safetensors"), load_file(f"{folder}/optimizer.safetensors"))
    same = all(set(a) == set(b) and all(a[n].tobytes() == b[n].tobytes() for n in a) for a, b in zip(states[-1], now))
    case("resumed-to-the-same-bits", same)


def main():
    os.mkdir("text")
    for i in range(12):
        with open(f"text/{i}.txt", "w", encoding="utf-8") as handle:
            handle.write("".join(f"Document {i}, line {j}: {i * j} words, {j * j} in all.\n" for j in range(40)))
    strait("tokenizer", "train", "text", "--vocab-size", "300", "--out", "tokenizer")
    strait("data", "pack", "text", "--tokenizer", "tokenizer", "--out", "data", "--val-fraction", "0.1")
    states = train("dense", "dense", 4, 64, 3, "lr: 1")
    worst = check("dense", states, 1.0, "match_rms_adamw")
    case("dense-has-full-rank", worst[True] > 0)
    check_who("dense", states)
    check_resumed(states)
    check("bf16", train("bf16", "dense", 4, 64, 3, "lr: 1", "bf16"), 1.0, "match_rms_adamw")
    check("original", train("original", "dense", 4, 64, 3, "lr: 1e-3, muon: {scale: original, lr: 1}"), 1.0, "original")
    states = train("experts", "experts", 4, 64, 3, "lr: 1")
    check("experts", states, 1.0, "match_rms_adamw")
    check_who("experts", states)
    worst = check("deficient", train("deficient", "dense", 1, 7, 2, "lr: 1"), 1.0, "match_rms_adamw")
    case("deficient-is-deficient", worst[False] > 0)


main()
finish()
