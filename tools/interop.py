#!/usr/bin/env python3
"""The comparisons of tools/interop.sh; run in one of its environments.

interop.py opens STRAIT MODEL WORK     AutoModelForCausalLM and AutoTokenizer open what strait wrote
interop.py theirs STRAIT NAME WORK     strait traces, evaluates, samples and trains what this version of transformers
                                       saves; prints ok and FAIL itself
"""
import json
import os
import subprocess
import sys

import torch
import transformers
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

# Both sides compute in float32 (unit roundoff 6e-8) through at most three layers and sums of at most 96 terms: each is off
# by some 5e-7, the angles of the rotation by 37 x 6e-8, all of which grows a few times through the norms.
LIMIT = 1e-5
THETA, EPS = 50000.0, 2e-5
TEXTS = ["The model trains.", "if (x == 10) { return; }\n\n  12345 words", "系统管理员，你好！", "e\u0301 caf\u00e9 \U0001f600 <|endoftext|>!",
         " \t\n leading and trailing  "]
PROMPT = "The model"
FIVE = int(transformers.__version__.split(".")[0]) >= 5
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
# Kinds of model: model_type, rotation, further keys. Windows shorter than what is generated.
KINDS = {
    "qwen3": ("qwen3", {}, {}),
    "yarn": ("qwen3", YARN, {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1, "attention_bias": True}),
    "ernie": ("ernie4_5", {}, {"use_bias": True, "pad_token_id": None}),
    "moe": ("qwen3_moe", {}, {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 24, "norm_topk_prob": True}),
    "ernie_moe": ("ernie4_5_moe", {}, {"moe_num_experts": 6, "moe_k": 2, "moe_intermediate_size": 24, "pad_token_id": None}),
    "deepseek": ("deepseek_v3", {**YARN, "mscale": 0.7, "mscale_all_dim": 0.9},
                 {"num_key_value_heads": 6, "q_lora_rank": 20, "kv_lora_rank": 18, "qk_nope_head_dim": 12, "v_head_dim": 10,
                  "qk_rope_head_dim": 16, "n_routed_experts": 8, "num_experts_per_tok": 2, "n_group": 4, "topk_group": 2,
                  "moe_intermediate_size": 24, "first_k_dense_replace": 1, "num_nextn_predict_layers": 0}),
    "seed": ("seed_oss", {}, {"attention_out_bias": True, "mlp_bias": True, "pad_token_id": None}),
}


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
    config = json.load(open(os.path.join(folder, "config.json"), encoding="utf-8"))
    for key, want in (("rope_theta", 31000.0), ("rms_norm_eps", 3e-5)):
        if config[key] != want:
            fail(f"{key} is {config[key]} in config.json, not {want}")
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


def end_tokens(model, ids, end_of_text):
    """Two end tokens: that of the tokenizer and one that greedy sampling comes to by itself."""
    model.generation_config.eos_token_id = None
    with torch.no_grad():
        new = model.generate(ids, max_new_tokens=9, do_sample=False)[0, ids.shape[1]:].tolist()
    return [end_of_text, max(new, key=new.index)]


def save(dtype, tied, form, folder, tokenizer, kind):
    torch.manual_seed(9)
    model_type, rope, keys = KINDS[kind]
    spelling = ({"rope_parameters": {"rope_type": "default", "rope_theta": THETA, **rope}} if FIVE
                else {"rope_theta": THETA, "rope_scaling": rope or None})
    config = AutoConfig.for_model(model_type, vocab_size=len(tokenizer) + 3, hidden_size=64, intermediate_size=96, num_hidden_layers=3,
                         num_attention_heads=6, head_dim=16, tie_word_embeddings=tied == "tied",
                         rms_norm_eps=EPS, max_position_embeddings=128, bos_token_id=None,
                         eos_token_id=tokenizer.eos_token_id, **spelling, **{"num_key_value_heads": 2, **keys})
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(1.0 if parameter.dim() == 1 else 0.0, 0.15)
        for name, buffer in model.named_buffers():
            if name.endswith("correction_bias"):
                buffer.normal_(0.0, 0.05)
    model = model.to(getattr(torch, dtype))
    model.generation_config.eos_token_id = end_tokens(model.float(), tokenizer(PROMPT, return_tensors="pt").input_ids,
                                                      tokenizer.eos_token_id)
    model = model.to(getattr(torch, dtype))
    model.save_pretrained(folder, **({"max_shard_size": "40KB"} if form == "sharded" else {}))
    tokenizer.save_pretrained(folder)
    if (form == "sharded") != os.path.exists(os.path.join(folder, "model.safetensors.index.json")):
        fail("not saved in the form that was asked for")
    if form == "head":
        path = os.path.join(folder, "model.safetensors")
        tensors = load_file(path)
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
        save_file(tensors, path, {"format": "pt"})


def same_loss(strait, folder, work, model, tokenizer):
    """strait eval of a text against the mean cross-entropy of the same pieces there."""
    length, text = 16, " ".join(TEXTS[:3])
    path = os.path.join(work, "text.txt")
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(text)
    out = subprocess.run([strait, "eval", folder, "--data", path, "--length", str(length), "--dtype", "f32", "--json"],
                         check=True, stdout=subprocess.PIPE).stdout
    ours = json.loads(out)
    ids = torch.tensor(tokenizer(text).input_ids + [tokenizer.eos_token_id])
    count, total = len(ids) - 1, 0.0
    for at in range(0, count, length):
        end = min(at + length, count)
        with torch.no_grad():
            logits = model(input_ids=ids[None, at:end]).logits[0].double()
        total += F.cross_entropy(logits, ids[at + 1:end + 1], reduction="sum").item()
    theirs = total / count
    print(f"loss {ours['loss']} here, {theirs:.9f} there, over {ours['tokens']} and {count} tokens")
    if ours["tokens"] != count or not abs(ours["loss"] - theirs) <= LIMIT * theirs:
        fail("the losses differ")


def same_answer(strait, folder, model, tokenizer):
    """Greedy sampling to the end tokens of generation_config.json, and past them."""
    prompt = tokenizer(PROMPT, return_tensors="pt").input_ids
    ends = model.generation_config.eos_token_id
    for options, eos in (([], ends), (["--ignore-eos"], None)):
        model.generation_config.eos_token_id = eos
        with torch.no_grad():
            new = model.generate(prompt, max_new_tokens=24, do_sample=False)[0, prompt.shape[1]:].tolist()
        if eos and new[-1] not in eos:
            fail(f"no end token was sampled there: {new}")
        theirs = tokenizer.decode(new[:-1] if eos else new, skip_special_tokens=True)
        ours = subprocess.run([strait, "generate", folder, "--prompt", PROMPT, "--greedy", "--max-tokens", "24", "--no-echo",
                               "--quiet", "--dtype", "f32", *options], check=True, stdout=subprocess.PIPE).stdout
        print(f"{ours!r} here, {theirs!r} there")
        if ours.decode() != theirs + "\n":
            fail("the answers differ")
    model.generation_config.eos_token_id = ends


def trains(strait, folder, work, dtype):
    """One step here; the result opens there, with other weights, the same logits as here, and the same end tokens."""
    run, config = folder + "-run", folder + ".yaml"
    with open(config, "w", encoding="utf-8") as handle:
        handle.write(f"model: {{from: {folder}}}\ndata: {{train: {work}/data_train, sequence_length: 32}}\n"
                     f"batch: {{sequences: 2}}\noptimizer: {{lr: 1e-3}}\nschedule: {{name: constant, warmup: 0}}\nsteps: 1\n"
                     f"dtype: {'bf16' if dtype == 'bfloat16' else 'f32'}\nrun: {run}\n")
    subprocess.run([strait, "train", config], check=True)
    trained = os.path.join(run, "checkpoints", "step-00000001")
    before = AutoModelForCausalLM.from_pretrained(folder)
    after, report = AutoModelForCausalLM.from_pretrained(trained, output_loading_info=True)
    if any(report.values()):
        fail(f"the trained model opens with {report}")
    if after.generation_config.eos_token_id != before.generation_config.eos_token_id:
        fail(f"end tokens {before.generation_config.eos_token_id} became {after.generation_config.eos_token_id}")
    if torch.equal(before.model.embed_tokens.weight, after.model.embed_tokens.weight):
        fail("a step changed nothing")
    same_logits(strait, trained, work)


def one_of_theirs(strait, folder, work, dtype, tied, form, kind):
    tokenizer = AutoTokenizer.from_pretrained(os.path.join(work, "tokenizer"))
    save(dtype, tied, form, folder, tokenizer, kind)
    same_logits(strait, folder, work)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    same_loss(strait, folder, work, model, tokenizer)
    same_answer(strait, folder, model, tokenizer)
    trains(strait, folder, work, dtype)


def theirs(strait, name, work):
    failed = False
    forms = [("qwen3", tied, form) for tied, form in (("tied", "one"), ("tied", "sharded"), ("untied", "one"),
                                                      ("untied", "sharded"), ("tied", "head"))]
    forms += [(kind, tied, "one") for kind, tied in (("yarn", "tied"), ("ernie", "tied"), ("ernie", "untied"),
                                                     ("seed", "untied"), ("moe", "tied"), ("ernie_moe", "tied"),
                                                     ("deepseek", "untied"))]
    for dtype in ("float32", "bfloat16"):
        for kind, tied, form in forms:
            case = f"{name}-{kind}-{dtype}-{tied}-{form}"
            try:
                one_of_theirs(strait, os.path.join(work, case), work, dtype, tied, form, kind)
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
