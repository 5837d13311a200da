#!/usr/bin/env python3
"""The peer: PyTorch trains the same Qwen3 shapes by transformers; sdpa attention, fused AdamW, clipping.

usage: train_torch.py MODEL [--variant f32|autocast|bf16][-compiled] [--steps N] [--warmup N] [--threads N]
       [--lock FILE]
f32 and autocast keep float32 weights and states; bf16 keeps both in bfloat16. `-compiled` goes through torch.compile.
Prints one line of JSON: tokens per second (median of the steps after the warm-up), peak memory in bytes, versions.
"""
import argparse
import json
import resource
import statistics
import time

import machine
from shapes import SHAPES

VARIANTS = [dtype + mode for dtype in ("f32", "autocast", "bf16") for mode in ("", "-compiled")]


def make_model(shape, variant):
    import torch
    import transformers
    config = transformers.Qwen3Config(
        vocab_size=shape["vocab"], hidden_size=shape["hidden"], intermediate_size=shape["ffn"],
        num_hidden_layers=shape["layers"], num_attention_heads=shape["heads"], num_key_value_heads=shape["kv"],
        head_dim=shape["head_dim"], tie_word_embeddings=True, max_position_embeddings=shape["length"],
        attn_implementation="sdpa", use_cache=False)
    torch.manual_seed(1)
    model = transformers.Qwen3ForCausalLM(config)
    if variant.startswith("bf16"):
        model = model.to(torch.bfloat16)
    model.train()
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=sorted(SHAPES))
    parser.add_argument("--variant", choices=VARIANTS, default="f32")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--lock")
    options = parser.parse_args()

    begun = time.perf_counter()
    import torch
    import transformers
    if options.threads:
        torch.set_num_threads(options.threads)
    shape = SHAPES[options.model]
    model = make_model(shape, options.variant)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    tokens = torch.randint(0, shape["vocab"], (shape["batch"], shape["length"] + 1))
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].reshape(-1)

    def loss_of():
        logits = model(input_ids=inputs).logits
        return torch.nn.functional.cross_entropy(logits.float().view(-1, shape["vocab"]), targets)

    if options.variant.endswith("-compiled"):
        loss_of = torch.compile(loss_of)
    def train_step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=options.variant.startswith("autocast")):
            loss = loss_of()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()

    before_first = time.perf_counter() - begun
    turn = machine.Turn(options.lock)
    for _ in range(options.warmup):
        train_step()
    times = []
    shares = []
    for _ in range(options.steps or shape["steps"]):
        turn.take()
        others, own = machine.Others(), time.process_time()
        start = time.perf_counter()
        train_step()
        times.append(time.perf_counter() - start)
        shares.append(others.share(time.process_time() - own))
    turn.give()
    print(json.dumps({
        "peer": "torch", "model": options.model, "variant": options.variant, "threads": torch.get_num_threads(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens_per_second": shape["batch"] * shape["length"] / statistics.median(times),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "seconds_before_first_step": before_first, "others": statistics.median(shares),
        "versions": f"torch {torch.__version__}, transformers {transformers.__version__}",
    }))


if __name__ == "__main__":
    main()
