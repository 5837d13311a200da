#!/usr/bin/env python3
"""Exchange of adapters with PEFT; run by tools/interop.sh. Logits must agree within 1e-5 relative L2.

interop_peft.py opens STRAIT MODEL ADAPTER WORK    adapters that strait wrote
interop_peft.py fused STRAIT MODEL WORK            adapters that PEFT makes for experts that are one tensor (transformers 5)
"""
import json
import os
import subprocess
import sys

import peft
import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

LIMIT = 1e-5


def load(path):
    more = {"experts_implementation": "eager"} if int(transformers.__version__.split(".")[0]) >= 5 else {}
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager", **more).eval()


def logits(model, ids):
    with torch.no_grad():
        return model(input_ids=ids, use_cache=False).logits.double()


def ours(strait, model, adapter, ids, work):
    tokens, out = os.path.join(work, "ids.json"), os.path.join(work, "trace.safetensors")
    with open(tokens, "w", encoding="ascii") as handle:
        json.dump(ids.tolist(), handle)
    subprocess.run([strait, "trace", model, "--adapter", adapter, "--tokens", tokens, "--out", out], check=True)
    return load_file(out)["logits"].double()


def distance(a, b):
    return ((a - b).norm() / b.norm()).item()


def compare(strait, path, adapted, adapter, work):
    torch.manual_seed(3)
    ids = torch.randint(0, adapted.config.vocab_size, (2, 19))
    theirs = logits(adapted, ids)
    far, effect = distance(ours(strait, path, adapter, ids, work), theirs), distance(logits(load(path), ids), theirs)
    print(f"{far:.1e} from PEFT {peft.__version__}; the adapters' effect is {effect:.1e}")
    assert far < LIMIT < effect / 100


def fused(strait, path, work):
    torch.manual_seed(4)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=3, lora_alpha=5, target_modules=["q_proj", "o_proj"],
                             target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"])
    adapted = peft.get_peft_model(load(path), config).eval()
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(0.0, 0.3)
    adapter = os.path.join(work, "fused")
    adapted.save_pretrained(adapter)
    compare(strait, path, adapted, adapter, work)


def main():
    mode, strait, path = sys.argv[1:4]
    if mode == "fused":
        fused(strait, path, sys.argv[4])
    else:
        adapter, work = sys.argv[4:6]
        compare(strait, path, peft.PeftModel.from_pretrained(load(path), adapter).eval(), adapter, work)


main()
