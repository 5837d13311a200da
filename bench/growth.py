#!/usr/bin/env python3
"""How the cost of a training step grows with the model, the length and the batch: a table, and a plot as SVG.

usage: bench/growth.py [--dtype f32] [--numerics exact] [--only size|length|batch] [--plot docs/growth.svg]
Every row is one process of `strait bench step`. The bound is what this machine cannot beat: the step's floating-point
operations at the rate of registers alone, then AdamW's 28 bytes a parameter at the rate of copying within memory, both
measured by the same process just before. Run it on a machine that nobody else uses.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
ADAMW_BYTES = 28  # read weight, gradient and two moments, write weight and moments; f32
# vocabulary, hidden, middle, layers, heads, key-value heads, head size
SIZES = {
    "7M": (8192, 256, 768, 6, 4, 2, 64),
    "15M": (16384, 384, 1152, 4, 6, 2, 64),
    "34M": (16384, 512, 1536, 8, 8, 4, 64),
    "76M": (32768, 640, 1920, 12, 10, 5, 64),
    "150M": (32768, 896, 2688, 14, 14, 7, 64),
    "310M": (65536, 1024, 3072, 18, 16, 8, 64),
    "596M": (151936, 1024, 3072, 28, 16, 8, 128),
}
SWEEPS = {
    "size": [(size, 1, 512) for size in SIZES],
    "length": [("34M", 1, length) for length in (256, 512, 1024, 2048, 4096, 8192)],
    "batch": [("34M", batch, 256) for batch in (1, 2, 4, 8, 16, 32)],
}


def config_of(size, length):
    vocabulary, hidden, middle, layers, heads, kv, head = SIZES[size]
    return {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "vocab_size": vocabulary, "hidden_size": hidden,
            "intermediate_size": middle, "num_hidden_layers": layers, "num_attention_heads": heads,
            "num_key_value_heads": kv, "head_dim": head, "tie_word_embeddings": True, "max_position_embeddings": length,
            "rms_norm_eps": 1e-6, "rope_theta": 1e6, "hidden_act": "silu"}


def measure(size, batch, length, options):
    with tempfile.TemporaryDirectory(prefix="strait-growth.") as work:
        path = os.path.join(work, "config.json")
        with open(path, "w", encoding="ascii") as handle:
            json.dump(config_of(size, length), handle)
        done = subprocess.run([os.path.join(ROOT, "build", "strait"), "bench", "step", "--json", "--model", path,
                               "--sequences", str(batch), "--length", str(length), "--steps", "2", "--dtype",
                               options.dtype, "--numerics", options.numerics],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        return {"failed": done.stderr.decode(errors="replace").strip().split("\n")[-1][:160]}
    report = json.loads(done.stdout)
    tokens = batch * length
    seconds = report["step_seconds_min"]
    flops = report["mfu_causal_exact"] * report["matmul_flops_per_second"] * report["step_seconds"]
    arithmetic = flops / report["registers_flops_per_second"]
    optimizer = ADAMW_BYTES * report["parameters"] / report["levels"][-1]["copy_bytes_per_second"]
    return {"parameters": report["parameters"], "rate": tokens / seconds, "bound": tokens / (arithmetic + optimizer),
            "arithmetic": arithmetic / seconds, "optimizer": optimizer / seconds, "peak": report["peak_resident_bytes"]}


def polyline(points, box, scale, colour, dashed):
    x0, y0, width, height = box
    (left, right), (low, high) = scale
    at = [(x0 + width * (math.log(x / left) / math.log(right / left)),
           y0 + height * (1 - math.log(y / low) / math.log(high / low))) for x, y in points]
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    marks = "" if dashed else "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in at)
    return f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"{dash}/>{marks}'


def panel(name, rows, x0):
    """Both axes logarithmic; what was measured, and the bound dashed."""
    box = (x0 + 60, 40, 220, 200)
    xs = [{"size": row["parameters"] / 1e6, "length": row["length"], "batch": row["batch"]}[name] for row in rows]
    ys = [row[key] for row in rows for key in ("rate", "bound")]
    scale = ((min(xs), max(xs)), (min(ys) / 1.2, max(ys) * 1.2))
    title = {"size": "parameters (millions)", "length": "tokens of a sequence", "batch": "sequences of 256 tokens"}[name]
    parts = [f'<rect x="{box[0]}" y="{box[1]}" width="{box[2]}" height="{box[3]}" fill="none" stroke="#888"/>',
             f'<text x="{box[0] + box[2] / 2}" y="280" text-anchor="middle">{title}</text>']
    for x in (xs[0], xs[-1]):
        at = polyline([(x, scale[1][0])], box, scale, "#000", True).split('"')[1].split(",")[0]
        parts.append(f'<text x="{at}" y="258" text-anchor="middle">{x:.0f}</text>')
    for y in (min(ys), max(ys)):
        at = polyline([(scale[0][0], y)], box, scale, "#000", True).split('"')[1].split(",")[1]
        parts.append(f'<text x="{box[0] - 6}" y="{at}" text-anchor="end">{y:.0f}</text>')
    for key, colour in (("rate", "#06c"), ("bound", "#c40")):
        parts.append(polyline([(x, row[key]) for x, row in zip(xs, rows)], box, scale, colour, key == "bound"))
    return "".join(parts)


def plot(sweeps, path):
    panels = [panel(name, rows, 300 * i) for i, (name, rows) in enumerate(sweeps.items()) if len(rows) > 1]
    text = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{300 * len(panels) + 20}" height="300" font-family="sans-serif" '
            'font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
            '<text x="60" y="22">tokens/s, both axes logarithmic: measured, and dashed the bound of the machine</text>'
            + "\n".join(panels) + "</svg>\n")
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dtype", default="f32")
    parser.add_argument("--numerics", default="exact")
    parser.add_argument("--only", choices=sorted(SWEEPS))
    parser.add_argument("--plot", default=os.path.join(ROOT, "build", "growth.svg"))
    options = parser.parse_args()
    sweeps = {}
    print("| parameters | batch x length | tokens/s | bound | of the bound | arithmetic alone | AdamW alone | peak memory |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, cases in SWEEPS.items():
        if options.only not in (None, name):
            continue
        sweeps[name] = []
        for size, batch, length in cases:
            row = measure(size, batch, length, options)
            if "failed" in row:
                print(f"| {size} | {batch} x {length} | {row['failed']} | | | | | |", flush=True)
                continue
            sweeps[name].append({**row, "batch": batch, "length": length})
            print(f"| {row['parameters'] / 1e6:.1f}M | {batch} x {length} | {row['rate']:.0f} | {row['bound']:.0f} | "
                  f"{row['rate'] / row['bound']:.0%} | {row['arithmetic']:.0%} | {row['optimizer']:.0%} | "
                  f"{row['peak'] / 1e6:.0f} MB |", flush=True)
    plot(sweeps, options.plot)
    print(f"plot: {options.plot}", file=sys.stderr)


if __name__ == "__main__":
    main()
