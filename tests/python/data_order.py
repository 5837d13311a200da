#!/usr/bin/env python3
"""The order of the data, a second time: written from docs/numerics.md, section 9, alone.

A run of one sequence a step with a learning rate of zero says with each step's loss which sample it saw: one trace of the
same model gives the loss of every sample. Two sources, several epochs, a resume in the middle.
"""
import json

import numpy as np
from safetensors.numpy import load_file

from lib.cases import case, finish, strait

STEPS, T, SEED, WEIGHTS = 100, 16, 12345, [3.0, 1.25]
CONFIG = f"""
model:
  init: {{hidden_size: 16, intermediate_size: 24, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1,
         head_dim: 8, initializer_range: 0.5}}
tokenizer: tokenizer
data:
  train: [{{path: one_train, weight: {WEIGHTS[0]}}}, {{path: two_train, weight: {WEIGHTS[1]}}}]
  sequence_length: {T}
batch: {{sequences: 1}}
optimizer: {{lr: 0}}
seed: {SEED}
steps: {STEPS // 2}
threads: 1
run: run
"""


# ---- the second implementation ----

def philox(stream, block, step):
    c, k = [block % 2**32, block >> 32, step % 2**32, step >> 32], [SEED, stream]
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [q >> 32 ^ c[1] ^ k[0], q % 2**32, p >> 32 ^ c[3] ^ k[1], p % 2**32]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


def source_of(g):
    """The source of sequence g, and the sequence's index there."""
    n = g
    for i in range(len(WEIGHTS) - 1):
        rest = 0.0
        for weight in reversed(WEIGHTS[i:]):
            rest += weight
        share = max(1, int(WEIGHTS[i] / rest * 2.0**32 + 0.5))
        phase = philox(5, i, 0)[0]
        taken = (n * share + phase) >> 32
        if ((n + 1) * share + phase) >> 32 > taken:
            return i, taken
        n -= taken
    return len(WEIGHTS) - 1, n


def sample_of(i, x, count):
    """The sample that is index x of source i."""
    epoch, a = divmod(x, count)
    for j in range(min(240, 6 * (count - 1).bit_length())):
        u = (i << 56) + (j << 48)
        words = philox(2, u + 2**48 - 1, epoch)
        b = ((words[0] + (words[1] << 32)) % count - a) % count
        if philox(2, u + max(a, b), epoch)[0] % 2:
            a = b
    return a


# ---- the run ----

def make_run():
    random = np.random.default_rng(7)
    for name, words in (("one", 130), ("two", 30)):
        with open(f"{name}.jsonl", "w", encoding="utf-8") as handle:
            for count in (words, 3, words // 2):
                handle.write(json.dumps({"text": " ".join(str(x) for x in random.integers(0, 9999, count))}) + "\n")
    strait("tokenizer", "train", "one.jsonl", "two.jsonl", "--vocab-size", "400", "--out", "tokenizer")
    for name in ("one", "two"):
        strait("data", "pack", f"{name}.jsonl", "--tokenizer", "tokenizer", "--out", name)
    with open("run.yaml", "w", encoding="utf-8") as handle:
        handle.write(CONFIG)
    strait("train", "run.yaml")
    strait("train", "run.yaml", "--resume", "--set", f"steps={STEPS}")
    with open("run/metrics.jsonl", encoding="utf-8") as handle:
        return [json.loads(line)["loss"] for line in handle]


def losses_of_samples():
    """For each source the loss of each of its samples, in binary64 from the logits of one trace."""
    rows, counts = [], []
    for name in ("one", "two"):
        ids = np.fromfile(f"{name}_train.bin", dtype="<u2").astype(int)
        samples = [ids[at:at + T + 1].tolist() for at in range(0, len(ids) - T, T)]
        rows += samples
        counts.append(len(samples))
    with open("ids.json", "w", encoding="utf-8") as handle:
        json.dump(rows, handle)
    strait("trace", f"run/checkpoints/step-{STEPS:08d}", "--tokens", "ids.json", "--out", "trace.safetensors")
    logits = load_file("trace.safetensors")["logits"].astype(np.float64)[:, :T]
    targets = np.array(rows)[:, 1:]
    top = logits.max(-1)
    nats = np.log(np.exp(logits - top[..., None]).sum(-1)) + top - np.take_along_axis(logits, targets[..., None], -1)[..., 0]
    return np.split(nats.mean(1), np.cumsum(counts)[:-1])


def main():
    seen = make_run()
    losses = losses_of_samples()
    everything = np.sort(np.concatenate(losses))
    wrong, epochs = [], [0, 0]
    for g, loss in enumerate(seen):
        i, x = source_of(g)
        k = sample_of(i, x, len(losses[i]))
        epochs[i] = x // len(losses[i])
        if abs(loss - losses[i][k]) > 1e-5:
            wrong.append(f"sequence {g} has loss {loss}, sample {k} of source {i} has {losses[i][k]}")
    for name, why in (
            ("data-order", "; ".join(wrong[:3])),
            ("data-order-all-steps", "" if len(seen) == STEPS else f"{len(seen)} steps"),
            # What would make the comparison worth nothing: samples that cannot be told apart, an order never permuted.
            ("data-order-samples-differ", "" if np.diff(everything).min() > 3e-5 else "two samples have one loss"),
            ("data-order-epochs", "" if min(epochs) >= 1 else f"epochs {epochs}")):
        case(name, not why, why)


main()
finish()
