#!/usr/bin/env python3
"""Trains a tiny run and reads what it left behind with the packages that others read it with.

The checkpoint by `safetensors`, its tokenizer by `tokenizers`, the events by `tensorboard`, metrics.jsonl by json; and
traces a model that `safetensors` wrote.
"""
import glob
import json
import os

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tokenizers import Tokenizer

from lib.cases import case, finish, strait

CONFIG = """
model:
  init: {hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2,
         head_dim: 8, tie_word_embeddings: false}
tokenizer: tokenizer
data: {train: data_train, validation: data_val, sequence_length: 32}
batch: {sequences: 4}
optimizer: {lr: 1e-3}
steps: 6
checkpoint: {every: 3}
evaluate: {every: 3, size: 2}
run: run
"""


def make_run():
    os.mkdir("text")
    for i in range(12):
        with open(f"text/{i}.txt", "w", encoding="utf-8") as handle:
            handle.write("".join(f"Document {i}, line {j}: {i * j} words, 第 {j} 行，系统管理员。\n" for j in range(40)))
    with open("run.yaml", "w", encoding="utf-8") as handle:
        handle.write(CONFIG)
    strait("tokenizer", "train", "text", "--vocab-size", "330", "--out", "tokenizer")
    strait("data", "pack", "text", "--tokenizer", "tokenizer", "--out", "data", "--val-fraction", "0.3")
    strait("train", "run.yaml")
    return sorted(glob.glob("run/checkpoints/step-*"))[-1]


def check_model(folder):
    config = json.load(open(os.path.join(folder, "config.json"), encoding="utf-8"))
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    case("safetensors-opens-model", tensors["model.embed_tokens.weight"].shape == (config["vocab_size"], 32))
    case("safetensors-every-tensor", len(tensors) == 2 * 11 + 3, f"{len(tensors)} tensors")
    case("safetensors-finite", all(np.isfinite(t).all() for t in tensors.values()))
    with safe_open(os.path.join(folder, "model.safetensors"), "np") as handle:
        case("safetensors-metadata", handle.metadata() == {"format": "pt"}, repr(handle.metadata()))
    optimizer = load_file(os.path.join(folder, "optimizer.safetensors"))
    case("safetensors-opens-optimizer", len(optimizer) >= 2 * len(tensors), f"{len(optimizer)} tensors")
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    text = "Document 5, line 7: 系统"
    case("tokenizers-opens-tokenizer", tokenizer.decode(tokenizer.encode(text).ids) == text)
    case("one-vocabulary", tokenizer.get_vocab_size() <= config["vocab_size"])


def check_events():
    scalars = {}
    for path in sorted(glob.glob("run/tb/*tfevents*")):
        for event in EventFileLoader(path).Load():
            for value in event.summary.value:
                number = value.tensor.float_val[0] if value.tensor.float_val else value.simple_value
                scalars.setdefault(value.tag, []).append((event.step, number))
    losses = scalars.get("loss/train", [])
    metrics = [json.loads(line) for line in open("run/metrics.jsonl", encoding="utf-8")]
    steps = {m["step"]: m["loss"] for m in metrics if "loss" in m}
    case("tensorboard-reads-losses", len(losses) == 6, f"{ {k: len(v) for k, v in scalars.items()} }")
    case("tensorboard-equals-metrics", all(abs(steps.get(s, 1e9) - v) < 1e-4 for s, v in losses), f"{losses} {steps}")
    case("metrics-has-every-step", sorted(steps) == [1, 2, 3, 4, 5, 6], repr(sorted(steps)))


def check_trace_of_theirs(folder):
    """A file that the package wrote, tensors in another order, gives the same logits."""
    os.mkdir("theirs")
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    save_file(dict(reversed(list(tensors.items()))), "theirs/model.safetensors", {"format": "pt"})
    with open("theirs/config.json", "wb") as handle:
        handle.write(open(os.path.join(folder, "config.json"), "rb").read())
    with open("ids.json", "w", encoding="ascii") as handle:
        json.dump([[1, 2, 3, 4, 5], [9, 8, 7, 6, 5]], handle)
    strait("trace", folder, "--tokens", "ids.json", "--out", "ours.safetensors")
    strait("trace", "theirs", "--tokens", "ids.json", "--out", "theirs.safetensors")
    ours, theirs = load_file("ours.safetensors"), load_file("theirs.safetensors")
    case("trace-of-their-file", ours["logits"].shape[:2] == (2, 5) and np.array_equal(ours["logits"], theirs["logits"]))


checkpoint = make_run()
check_model(checkpoint)
check_events()
check_trace_of_theirs(checkpoint)
finish()
