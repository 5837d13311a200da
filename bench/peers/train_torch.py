#!/usr/bin/env python3
"""The peer: PyTorch trains the same Qwen3 shapes by transformers; eager mode, sdpa, fused AdamW, clipping.

usage: train_torch.py tiny|small [--steps N] [--warmup N] [--threads N] [--dtype f32|bf16|autocast]
Prints one line of JSON: tokens per second (median of the steps after the warm-up), peak memory in bytes, versions.
"""
import argparse
import json
import resource
import statistics
import time

SHAPES = {
    # vocabulary, hidden, ffn, layers, heads, kv heads, head_dim, batch, length (the same as in run.sh)
    "tiny": (8192, 256, 768, 6, 4, 2, 64, 8, 256),
    "small": (16384, 512, 1536, 8, 8, 4, 64, 4, 512),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=sorted(SHAPES))
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--dtype", choices=["f32", "bf16", "autocast"], default="f32")
    options = parser.parse_args()

    begun = time.perf_counter()
    import torch
    import transformers
    if options.threads:
        torch.set_num_threads(options.threads)
    vocab, hidden, ffn, layers, heads, kv, head_dim, batch, length = SHAPES[options.model]
    config = transformers.Qwen3Config(
        vocab_size=vocab, hidden_size=hidden, intermediate_size=ffn, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv, head_dim=head_dim, tie_word_embeddings=True, max_position_embeddings=length,
        attn_implementation="sdpa", use_cache=False)
    torch.manual_seed(1)
    model = transformers.Qwen3ForCausalLM(config)
    if options.dtype == "bf16":
        model = model.to(torch.bfloat16)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    tokens = torch.randint(0, vocab, (batch, length + 1))
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].reshape(-1)

    times = []
    for step in range(options.warmup + options.steps):
        start = time.perf_counter()
        if step == 0:
            before_first = start - begun
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=options.dtype == "autocast"):
            logits = model(input_ids=inputs).logits
        loss = torch.nn.functional.cross_entropy(logits.float().view(-1, vocab), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
        if step >= options.warmup:
            times.append(time.perf_counter() - start)
    print(json.dumps({
        "peer": "torch", "model": options.model, "dtype": options.dtype, "threads": torch.get_num_threads(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens_per_second": batch * length / statistics.median(times),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "seconds_before_first_step": before_first,
        "versions": f"torch {torch.__version__}, transformers {transformers.__version__}",
    }))


if __name__ == "__main__":
    main()
