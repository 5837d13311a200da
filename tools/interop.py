#!/usr/bin/env python3
"""The comparisons of tools/interop.sh; run in one of its environments.

interop.py opens STRAIT MODEL WORK     AutoModelForCausalLM and AutoTokenizer open what strait wrote
interop.py theirs STRAIT NAME WORK     strait traces what this version of transformers saves; prints ok and FAIL itself
"""
import json
import os
import subprocess
import sys

import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

LIMIT = 1e-4
TEXTS = ["The model trains.", "if (x == 10) { return; }\n\n  12345 words", "系统管理员，你好！", "e\u0301 caf\u00e9 \U0001f600 <|endoftext|>!",
         " \t\n leading and trailing  "]


def fail(message):
    print(message)
    sys.exit(1)


def same_logits(strait, folder, work):
    """strait's f32 logits of random tokens against transformers' float32 ones of the same stored weights."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    torch.manual_seed(5)
    ids = torch.randint(0, model.config.vocab_size, (3, 37))
    tokens, out = os.path.join(work, "ids.json"), os.path.join(work, "trace.safetensors")
    with open(tokens, "w", encoding="ascii") as handle:
        json.dump(ids.tolist(), handle)
    subprocess.run([strait, "trace", folder, "--tokens", tokens, "--out", out, "--dtype", "f32"], check=True)
    with torch.no_grad():
        theirs = model(input_ids=ids).logits.double()
    ours = load_file(out)["logits"].double()
    if ours.shape != theirs.shape:
        fail(f"logits are {tuple(ours.shape)} here and {tuple(theirs.shape)} there")
    far = ((ours - theirs).norm() / theirs.norm()).item()
    print(f"logits differ by {far:.2e} (limit {LIMIT:.0e})")
    if not far <= LIMIT:
        sys.exit(1)


def opens(strait, folder, work):
    loaded = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    for kind, names in loaded[1].items():
        if names:
            fail(f"{kind}: {names}")
    if type(loaded[0]).__name__ != "Qwen3ForCausalLM":
        fail(f"opened as {type(loaded[0]).__name__}")
    same_logits(strait, folder, work)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        theirs = tokenizer(text)["input_ids"]
        ours = json.loads(subprocess.run([strait, "tokenizer", "encode", folder, "--json"], input=text.encode(), check=True,
                                         stdout=subprocess.PIPE).stdout)
        ours = ours["ids"] if isinstance(ours, dict) else ours
        if ours != theirs:
            fail(f"{text!r}: strait says {ours}, {type(tokenizer).__name__} says {theirs}")
    if tokenizer.eos_token is None:
        fail("the tokenizer has no end-of-text token")
    # Sampling by their own loop must work from the files alone.
    out = loaded[0].generate(**tokenizer("The model", return_tensors="pt"), max_new_tokens=5, do_sample=False)
    print(type(tokenizer).__name__, "continues:", repr(tokenizer.decode(out[0])))


def save(dtype, tied, shards, folder):
    torch.manual_seed(9)
    theta = ({"rope_parameters": {"rope_type": "default", "rope_theta": 50000.0}}
             if int(transformers.__version__.split(".")[0]) >= 5 else {"rope_theta": 50000.0})
    config = Qwen3Config(vocab_size=311, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=6,
                         num_key_value_heads=2, head_dim=16, tie_word_embeddings=tied == "tied",
                         max_position_embeddings=128, **theta)
    model = Qwen3ForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(1.0 if parameter.dim() == 1 else 0.0, 0.15)
    model = model.to(getattr(torch, dtype))
    model.save_pretrained(folder, **({"max_shard_size": "40KB"} if shards == "sharded" else {}))
    if (shards == "sharded") != os.path.exists(os.path.join(folder, "model.safetensors.index.json")):
        fail("not saved in the form that was asked for")


def theirs(strait, name, work):
    failed = False
    for dtype in ("float32", "bfloat16"):
        for tied in ("tied", "untied"):
            for shards in ("one", "sharded"):
                case = f"{name}-{dtype}-{tied}-{shards}"
                folder = os.path.join(work, case)
                try:
                    save(dtype, tied, shards, folder)
                    same_logits(strait, folder, work)
                    print(f"ok {case}")
                except (Exception, SystemExit) as problem:
                    print(f"FAIL {case}: {problem!r}")
                    failed = True
    if failed:
        sys.exit(1)


def main():
    torch.set_num_threads(2)
    command = {"opens": opens, "theirs": theirs}[sys.argv[1]]
    command(*sys.argv[2:])


main()
