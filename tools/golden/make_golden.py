#!/usr/bin/env python3
"""Makes the golden files: tiny models whose results were computed by `transformers` in float64.

usage: make_golden.py OUT [NAME...]        run by tools/golden/make.sh, which makes the Python environments

For each configuration OUT/NAME/ holds what a user would have (config.json, model.safetensors in float32), ids.json, and
golden.safetensors: `logits`, `loss`, `grad.<parameter>`, and after ten AdamW steps on that batch `losses` and
`param.<parameter>`, all computed in float64 from the float32 parameters and stored as float32. `distance.<tensor>` holds
the relative L2 distance from float64 of the same library's own float32 and bfloat16 results, and for `losses` and
`param.*` a third: of its bfloat16 with float32 master weights, which is how Strait trains.

Models with experts also have `router.ids.<layer>` and `router.weights.<layer>` of the first pass, and `routing.<layer>`: the
experts that were chosen in each of the ten steps, in float64. The float32 and bfloat16 runs take these choices instead of
their own. Seeds are tried until every choice is decided by more than 1e-4.

Where a configuration has `balance` (form, scope, coefficients of the auxiliary and the z-loss, rate of selection biases,
coefficient of the routers' orthogonality), gradients and steps are
those of the loss with these, `loss` and `losses` are without, and `aux_loss` and `z_loss` stand apart, without their
coefficients. Formulas are those of the papers, here in float64; where transformers has the same loss (pooled over layers
and batch), config.json asks for it, and its value is compared. Others stand in the file `balance`, as strait trace takes them.

Where a configuration has dropout, `logits` are those of evaluation; all else is trained with masks from Strait's counters
(docs/numerics.md, section 6) instead of torch's, computed here anew.

Where a configuration has `mtp` (a weight), the model has a module for multi-token prediction (mtp.py), gradients and steps are
those of the loss with that times its loss, `mtp_loss` is that without the weight, and the file `mtp` has the weight, as strait
trace takes it. `routing` has its layer too.

Where a configuration has `fp8`, the matrices of layers are released FP8: model.safetensors has their codes and factors, and
all that is computed has code times factor, in float64 and rounded once to float32.

Where a configuration has `zero`, its routers have these biases, with which the mask of 4.57 chooses experts of groups that
were left out, and the file `group_mask` says so to strait trace: odd numbers only. Elsewhere both versions choose the same,
which is asserted.

Where a configuration has `lora` (keys of PEFT's LoraConfig), OUT/NAME/adapter/ holds adapters as PEFT saves them, with random
B, and gradients and parameters are theirs alone; odd numbers only, because transformers 5 has no modules for experts.
"""
import json
import math
import os
import shutil
import sys

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file, save_file
from torch.overrides import TorchFunctionMode
from transformers import AutoConfig, AutoModelForCausalLM

import mtp

STEPS = 10
FIVE = int(transformers.__version__.split(".")[0]) >= 5
# name without its number is the model_type, `config` further keys of its configuration.
# name: (vocab, hidden, ffn, layers, heads, kv heads, head_dim, theta, tied, batch, length, extra)
CONFIGS = {
    "qwen3-01": (67, 32, 48, 2, 4, 4, 8, 10000.0, True, 2, 17, {}),
    "qwen3-02": (101, 24, 40, 2, 4, 2, 16, 1000000.0, False, 3, 23, {}),
    "qwen3-03": (131, 32, 36, 2, 8, 2, 12, 500000.0, True, 1, 33, {}),
    "qwen3-04": (97, 40, 56, 2, 5, 1, 8, 10000.0, False, 4, 13, {"rms_norm_eps": 1e-5}),
    # One layer, a head wider than the model, and more than 64 keys.
    "qwen3-05": (79, 16, 24, 1, 2, 1, 32, 1000000.0, True, 2, 67, {}),
    # Three layers, a small theta, half a head is an odd number of pairs.
    "qwen3-06": (71, 48, 40, 3, 6, 3, 10, 100.0, False, 5, 7, {}),
    # Groups of five again, and a short sequence. Not of two tokens: the one query of the last layer that the loss depends
    # on then sees one key, its gradient is zero but for rounding, and AdamW turns that noise into whole steps.
    "qwen3-07": (89, 20, 28, 2, 10, 2, 14, 10000000.0, True, 6, 3, {}),
    # A real head size, four queries a key, more than 128 keys.
    "qwen3-08": (67, 32, 44, 1, 4, 1, 64, 1000000.0, False, 1, 131, {}),
    # Nothing is even but the head.
    "qwen3-09": (83, 17, 29, 2, 1, 1, 4, 10000.0, True, 3, 9, {}),
    # Large norm weights of q and k: scores so far apart that most probabilities vanish.
    "qwen3-10": (73, 24, 32, 2, 2, 1, 16, 10000.0, False, 2, 29, {"peaked": True}),
    # A padding token that occurs: the gradient of its row of the input embedding is dropped.
    "qwen3-11": (53, 16, 24, 1, 2, 1, 8, 10000.0, False, 3, 11, {"pad": 5}),
    "qwen3-12": (47, 16, 20, 1, 2, 2, 8, 10000.0, True, 3, 13, {"pad": 46}),
    # YaRN; lengths beyond the original one. The second has each of its optional keys.
    "qwen3-13": (59, 16, 24, 2, 2, 1, 16, 10000.0, True, 3, 37,
                 {"rope": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}}),
    "qwen3-14": (61, 16, 20, 2, 4, 2, 12, 1000000.0, False, 2, 29,
                 {"rope": {"rope_type": "yarn", "factor": 2.5, "original_max_position_embeddings": 24, "truncate": False,
                           "beta_fast": 8.0, "beta_slow": 0.5, "mscale": 0.8, "mscale_all_dim": 0.5}}),
    # Windows, in some layers.
    "qwen3-15": (53, 16, 24, 3, 4, 2, 8, 10000.0, True, 2, 31,
                 {"config": {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1}}),
    "qwen3-16": (57, 16, 20, 2, 2, 2, 8, 10000.0, False, 2, 75,
                 {"config": {"use_sliding_window": True, "sliding_window": 66, "attention_bias": True,
                             "layer_types": ["sliding_attention", "full_attention"]},
                  "rope": {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 32,
                           "attention_factor": 1.25}}),
    # ERNIE 4.5: interleaved rotation, biases, tied and untied, one key head, groups of four, a padding token.
    "ernie4_5-01": (61, 24, 32, 2, 4, 2, 8, 500000.0, True, 2, 19, {"rms_norm_eps": 1e-5}),
    "ernie4_5-02": (53, 16, 24, 2, 4, 1, 12, 10000.0, False, 3, 13, {"config": {"use_bias": True}}),
    "ernie4_5-03": (47, 24, 36, 2, 2, 2, 10, 10000.0, True, 4, 17, {"config": {"use_bias": True}, "pad": 0}),
    "ernie4_5-04": (67, 16, 20, 1, 3, 1, 34, 500000.0, True, 1, 71, {}),
    "ernie4_5-05": (43, 17, 29, 3, 8, 2, 6, 100.0, False, 4, 9, {}),
    "ernie4_5-06": (59, 16, 24, 2, 2, 1, 16, 10000.0, True, 2, 35,
                    {"rope": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}}),
    # Seed-OSS: heads wider than the model, each bias, each dropout. Where keys have a bias, theta is small: what hardly
    # turns leaves it no gradient but rounding, which AdamW makes whole steps of.
    "seed_oss-01": (61, 16, 24, 2, 4, 1, 12, 100.0, False, 2, 19,
                    {"config": {"attention_dropout": 0.0, "residual_dropout": 0.0}}),
    "seed_oss-02": (53, 24, 32, 2, 4, 2, 8, 10000000.0, True, 3, 13,
                    {"config": {"attention_dropout": 0.0, "residual_dropout": 0.0, "attention_bias": False}}),
    "seed_oss-03": (47, 20, 28, 2, 5, 1, 10, 100.0, False, 3, 15, {"pad": 1, "config": {
        "attention_dropout": 0.0, "residual_dropout": 0.0, "attention_out_bias": True, "mlp_bias": True}}),
    "seed_oss-04": (67, 24, 32, 1, 2, 2, 34, 100.0, False, 2, 71,
                    {"config": {"attention_dropout": 0.0, "residual_dropout": 0.2}}),
    # Qwen3-MoE: weights normalised and not, every expert chosen, experts without a token, one expert a token, dense layers
    # among the others (by list and by step), more experts than a sum has lanes, a window in all layers, a padding token.
    "qwen3_moe-01": (61, 24, 32, 2, 4, 2, 8, 10000.0, True, 2, 19, {"experts": (8, 2, 16, True)}),
    "qwen3_moe-02": (53, 16, 24, 2, 4, 1, 12, 1000000.0, False, 3, 11, {"experts": (4, 4, 12, True)}),
    "qwen3_moe-03": (47, 20, 28, 3, 2, 2, 10, 10000.0, False, 1, 9,
                     {"experts": (24, 3, 10, True), "config": {"mlp_only_layers": [0]}, "idle": True}),
    "qwen3_moe-04": (59, 16, 20, 4, 3, 1, 16, 100.0, True, 2, 13,
                     {"experts": (5, 1, 20, False), "config": {"decoder_sparse_step": 2}}),
    "qwen3_moe-05": (43, 17, 29, 2, 2, 1, 8, 10000.0, False, 4, 7, {"experts": (6, 2, 13, False), "rms_norm_eps": 1e-5}),
    "qwen3_moe-06": (67, 24, 20, 1, 4, 4, 6, 1000000.0, True, 2, 23,
                     {"experts": (11, 5, 8, True), "config": {"use_sliding_window": True, "sliding_window": 6}}),
    "qwen3_moe-07": (51, 16, 24, 2, 2, 1, 16, 10000.0, False, 3, 9, {"experts": (16, 2, 9, True), "pad": 7}),
    "qwen3_moe-08": (57, 12, 16, 1, 2, 2, 8, 10000.0, True, 1, 9, {"experts": (66, 2, 6, True)}),
    # Losses of routers: transformers' own, all experts chosen but one; per layer and sequence by file.
    "qwen3_moe-09": (53, 16, 24, 3, 2, 1, 8, 10000.0, False, 3, 11,
                     {"experts": (6, 2, 10, True), "balance": ("pooled", "step", 0.3, 0.0),
                      "config": {"mlp_only_layers": [1]}}),
    "qwen3_moe-10": (47, 20, 28, 2, 4, 2, 6, 10000.0, True, 4, 9,
                     {"experts": (5, 4, 8, False), "balance": ("pooled", "step", 0.5, 0.0)}),
    "qwen3_moe-11": (43, 16, 20, 2, 2, 2, 8, 10000.0, False, 3, 13,
                     {"experts": (9, 2, 8, True), "balance": ("per_layer", "sequence", 0.2, 0.05)}),
    "qwen3_moe-12": (51, 16, 24, 2, 2, 1, 8, 1000000.0, True, 4, 7,
                     {"experts": (7, 3, 8, True), "balance": ("per_layer", "step", 0.4, 0.0)}),
    # ERNIE 4.5 with experts (their number, per token, width, shared): dense layers before, after and between, shared experts
    # and none, every expert chosen, one a token, experts without a token, a norm that the sum falls below, YaRN, untied,
    # a padding token, and transformers' loss of routers, whose counts do without the bias; the last
    # one's biases move, the second's routers are made orthogonal.
    "ernie4_5_moe-01": (61, 24, 32, 3, 4, 2, 8, 500000.0, True, 2, 19, {"ernie": (8, 2, 12, 2), "rms_norm_eps": 1e-5}),
    "ernie4_5_moe-02": (53, 16, 24, 2, 4, 1, 12, 10000.0, False, 3, 13,
                        {"ernie": (5, 5, 10, 1), "balance": ("pooled", "step", 0.0, 0.0, 0.0, 0.5), "config": {"moe_layer_start_index": 0}}),
    "ernie4_5_moe-03": (47, 24, 36, 4, 2, 2, 10, 10000.0, True, 1, 9,
                        {"ernie": (20, 2, 9, 0), "idle": True, "pad": 0,
                         "config": {"moe_layer_start_index": 0, "moe_layer_end_index": 2, "moe_layer_interval": 2}}),
    "ernie4_5_moe-04": (67, 16, 20, 2, 3, 1, 34, 500000.0, True, 1, 35,
                        {"ernie": (6, 1, 11, 2), "config": {"moe_layer_start_index": 0, "moe_norm_min": 0.4}}),
    "ernie4_5_moe-05": (43, 17, 29, 2, 8, 2, 6, 100.0, False, 4, 9,
                        {"ernie": (9, 3, 7, 1), "balance": ("pooled", "step", 0.3, 0.0)}),
    "ernie4_5_moe-06": (59, 16, 24, 2, 2, 1, 16, 10000.0, True, 2, 21,
                        {"ernie": (7, 2, 8, 1), "balance": ("pooled", "step", 0.0, 0.0, 0.01),
                         "config": {"moe_layer_start_index": 0},
                         "rope": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}}),
    # DeepSeek-V3 (experts, per token, width, shared, groups, groups kept, ranks of queries and of keys, widths of a head
    # without rotation and of values): values narrower, wider and as wide as queries, no rank of queries, one group, every
    # expert chosen, weights not normalised, experts without a token, biases, YaRN with both magnitudes, rotation by
    # halves, a dense layer first and none, one head; the fifth has the paper's loss by sequence, and its biases move.
    "deepseek_v3-01": (61, 24, 32, 3, 4, 4, 8, 10000.0, False, 2, 19,
                       {"deepseek": (8, 2, 12, 1, 4, 2, 16, 12, 10, 6), "config": {"first_k_dense_replace": 1}}),
    "deepseek_v3-02": (53, 16, 24, 2, 2, 2, 6, 100.0, True, 3, 13,
                       {"deepseek": (5, 5, 10, 2, 1, 1, None, 9, 8, 14), "config": {"first_k_dense_replace": 0}}),
    "deepseek_v3-03": (47, 20, 28, 2, 2, 2, 4, 10000.0, False, 1, 9,
                       {"deepseek": (12, 2, 9, 1, 3, 2, 14, 10, 6, 16), "idle": True,
                        "config": {"first_k_dense_replace": 0, "norm_topk_prob": False}}),
    "deepseek_v3-04": (59, 16, 20, 3, 3, 3, 10, 500000.0, False, 2, 35,
                       {"deepseek": (6, 1, 11, 2, 3, 1, 13, 8, 12, 7),
                        "config": {"first_k_dense_replace": 1, "attention_bias": True, "routed_scaling_factor": 1.5,
                                  "norm_topk_prob": False},
                        "rope": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16,
                                 "mscale": 0.7, "mscale_all_dim": 0.9}}),
    "deepseek_v3-05": (43, 17, 29, 2, 4, 4, 6, 100.0, False, 4, 9,
                       {"deepseek": (8, 3, 7, 1, 2, 1, 12, 10, 5, 8), "balance": ("per_layer", "sequence", 0.2, 0.0, 0.01),
                        "config": {"first_k_dense_replace": 0, "rope_interleave": False}}),
    "deepseek_v3-06": (67, 12, 16, 2, 1, 1, 64, 10000.0, True, 2, 67,
                       {"deepseek": (4, 2, 6, 1, 2, 2, 9, 32, 32, 24), "pad": 3, "rms_norm_eps": 1e-5,
                        "config": {"first_k_dense_replace": 1}}),
    # Widths of a head as DeepSeek has them, 128, 64 and 128, so that values are filled up to 192; and the mask of 4.57, with
    # which the +0 of a group that was left out is worth more than experts whose bias is negative.
    "deepseek_v3-09": (41, 12, 16, 1, 1, 1, 64, 10000.0, False, 2, 9,
                       {"deepseek": (6, 4, 8, 1, 3, 2, 6, 6, 128, 128), "config": {"first_k_dense_replace": 0},
                        "zero": (0.1, 0.2, -1.3, -1.1, -1.2, -1.25)}),
    # Multi-token prediction, with experts in its layer; tied, with a pad token and biases that
    # move; and with a dense layer.
    "deepseek_v3-20": (61, 24, 32, 2, 4, 4, 8, 10000.0, False, 2, 19,
                       {"deepseek": (8, 2, 12, 1, 4, 2, 16, 12, 10, 6), "config": {"first_k_dense_replace": 1}, "mtp": 0.3}),
    "deepseek_v3-21": (53, 16, 24, 1, 2, 2, 6, 100.0, True, 3, 13,
                       {"deepseek": (5, 2, 10, 2, 1, 1, None, 9, 8, 14), "pad": 3, "mtp": 0.7,
                        "balance": ("per_layer", "sequence", 0.0, 0.0, 0.01), "config": {"first_k_dense_replace": 0}}),
    "deepseek_v3-10": (47, 20, 28, 2, 2, 2, 4, 10000.0, False, 1, 9,
                       {"deepseek": (4, 2, 8, 1, 2, 1, 14, 10, 6, 16), "config": {"first_k_dense_replace": 5}, "mtp": 1.0}),
    # Released FP8: blocks cut off at both edges, at one, and matrices within one block.
    "deepseek_v3-12": (53, 16, 20, 1, 2, 2, 6, 100.0, False, 2, 13,
                       {"deepseek": (4, 2, 8, 1, 2, 1, 12, 130, 36, 30), "config": {"first_k_dense_replace": 0}, "fp8": True}),
    # Adapters: every module, with a scale that is no power of two and other ranks by pattern; dropout before them, beside
    # biases and the model's own dropout; attention alone; experts alone; routers, experts and shared experts together.
    "qwen3-17": (67, 24, 32, 2, 4, 2, 8, 10000.0, True, 2, 17,
                 {"lora": {"r": 3, "lora_alpha": 7, "target_modules": "all-linear",
                           "rank_pattern": {"layers.1.self_attn.q_proj": 5, "up_proj": 1},
                           "alpha_pattern": {"down_proj": 2.5}}}),
    "qwen3-19": (53, 16, 24, 3, 2, 1, 12, 10000.0, False, 3, 11,
                 {"lora": {"r": 4, "lora_alpha": 4, "use_rslora": True, "target_modules": ["q_proj", "v_proj"]}}),
    "seed_oss-07": (47, 16, 20, 2, 2, 1, 10, 100.0, False, 2, 13,
                    {"config": {"attention_dropout": 0.0, "residual_dropout": 0.1, "mlp_bias": True},
                     "lora": {"r": 2, "lora_alpha": 3, "lora_dropout": 0.3, "target_modules": "all-linear"}}),
    "ernie4_5-07": (59, 16, 24, 2, 4, 2, 8, 10000.0, True, 2, 15,
                    {"config": {"use_bias": True},
                     "lora": {"r": 8, "lora_alpha": 16,
                              "target_modules": "model\\.layers\\.(0\\.self_attn\\.[ko]_proj|1\\.mlp\\.(gate|down)_proj)"}}),
    "qwen3_moe-13": (61, 16, 24, 3, 2, 1, 8, 10000.0, False, 2, 13,
                     {"experts": (6, 2, 10, True), "config": {"mlp_only_layers": [1]},
                      "lora": {"r": 3, "lora_alpha": 5, "target_modules": "all-linear"}}),
    "qwen3_moe-15": (53, 16, 24, 1, 2, 2, 8, 10000.0, True, 3, 11,
                     {"experts": (24, 2, 8, False), "idle": True,
                      "lora": {"r": 2, "lora_alpha": 2,
                               "target_modules": ".*mlp\\.experts\\.\\d+\\.(gate|up|down)_proj"}}),
    "ernie4_5_moe-07": (57, 16, 20, 3, 2, 1, 8, 10000.0, True, 3, 17,
                        {"ernie": (5, 2, 8, 1), "lora": {"r": 2, "lora_alpha": 5, "target_modules": "all-linear"}}),
    "deepseek_v3-07": (57, 16, 20, 2, 2, 2, 6, 10000.0, False, 3, 17,
                       {"deepseek": (6, 2, 8, 1, 2, 1, 12, 10, 8, 6), "config": {"first_k_dense_replace": 1},
                        "lora": {"r": 2, "lora_alpha": 3, "target_modules": "all-linear"}}),
    "seed_oss-05": (43, 17, 29, 2, 3, 1, 6, 100.0, False, 4, 11,
                    {"config": {"attention_dropout": 0.25, "residual_dropout": 0.0}}),
    "seed_oss-06": (59, 16, 24, 3, 4, 2, 8, 10000.0, True, 2, 67, {
        "config": {"attention_dropout": 0.1, "residual_dropout": 0.1, "mlp_bias": True},
        "rope": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}}),
}


def draw(x, p, stream, step):
    """x with Strait's dropout: that of a sequence's attention where it has four dimensions."""
    columns = x.shape[-1]
    # A row of probabilities begins a new group of 64.
    padded = (columns + 63) // 64 * 64 if x.dim() == 4 else columns
    count = x.numel() // columns * padded
    words = philox(1, stream, np.arange((count + 3) // 4), step).reshape(-1)[:count]
    uniform = (words >> np.uint64(8)).astype(np.float64) * 2.0 ** -24
    keep = torch.from_numpy(uniform >= np.float32(p)).reshape(*x.shape[:-1], padded)[..., :columns]
    scale = float(np.float32(1.0 / (1.0 - p)))
    return torch.where(keep, x * scale, torch.zeros((), dtype=x.dtype))


class AdapterDropout(torch.nn.Module):
    """In place of torch's before the adapter of one module; they are numbered by name."""

    step = 0

    def __init__(self, p, number):
        super().__init__()
        self.p, self.stream = p, (number + 1) * 65536 + 8

    def forward(self, x):
        return draw(x, self.p, self.stream, AdapterDropout.step) if self.training else x


def philox(seed, stream, block, step):
    """The four words of each block of Philox 4x32-10, as rows; `block` is an array."""
    low, mask = np.uint64(0xFFFFFFFF), 0xFFFFFFFF
    block = block.astype(np.uint64)
    c = [block & low, block >> np.uint64(32), np.full_like(block, step & mask), np.full_like(block, step >> 32)]
    key = [seed, stream]
    for _ in range(10):
        p, q = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(q >> np.uint64(32)) ^ c[1] ^ np.uint64(key[0]), q & low, (p >> np.uint64(32)) ^ c[3] ^ np.uint64(key[1]),
             p & low]
        key = [(key[0] + 0x9E3779B9) & mask, (key[1] + 0xBB67AE85) & mask]
    return np.stack(c, axis=-1)


class Dropout(TorchFunctionMode):
    """Strait's dropout in place of torch's. `step` counts from 1; in each forward pass the calls are: the probabilities of
    attention, after its output, after the MLP, layer by layer."""

    def __init__(self):
        super().__init__()
        self.step = self.calls = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is not F.dropout or not kwargs.get("training", True):
            return func(*args, **kwargs)
        x, p = args[0], kwargs["p"]
        stream = (self.calls + 1) * 65536 + 4
        self.calls += 1
        if p == 0:
            return x
        return draw(x, p, stream, self.step)


class InFloat64(TorchFunctionMode):
    """Turns every request for float32 into float64: the model upcasts to float32 in its norms, softmax and rotations.

    Any float32 tensor that is made all the same is an error."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.Tensor.float:
            return args[0].double()
        args = tuple(torch.float64 if a is torch.float32 else a for a in args)
        if kwargs.get("dtype") is torch.float32:
            kwargs["dtype"] = torch.float64
        result = func(*args, **kwargs)
        if isinstance(result, torch.Tensor) and result.dtype == torch.float32:
            raise AssertionError(f"{func} made a float32 tensor")
        return result


class Routing(TorchFunctionMode):
    """Records what routers choose, in each forward pass layer by layer, or makes them choose what was recorded. Where a
    router has groups, every other call is the choice of these."""

    def __init__(self, replay=None, skip=0, grouped=False):
        super().__init__()
        self.calls, self.gap, self.replay, self.next = [], math.inf, replay, skip
        self.grouped, self.of_groups, self.groups, self.scores = grouped, False, None, None

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.Tensor.sigmoid:
            # A router's scores, before their bias and mask.
            self.scores = func(*args, **kwargs)
            return self.scores
        if func is not torch.topk:
            return func(*args, **kwargs)
        scores, k = args[0], args[1] if len(args) > 1 else kwargs["k"]
        self.of_groups = self.grouped and not self.of_groups
        if self.replay is None:
            ids = func(scores, k)[1].sort(dim=-1)[0]
            best = scores.detach().sort(dim=-1, descending=True)[0]
            if k < scores.shape[-1]:
                self.gap = min(self.gap, (best[:, k - 1] - best[:, k]).min().item())
        else:
            ids = self.replay[self.next][self.of_groups]
            self.next += not self.of_groups
        values = scores.gather(-1, ids)
        if self.of_groups:
            self.groups = ids
        else:
            plain = self.scores.reshape(scores.shape).gather(-1, ids).detach() if self.grouped else values.detach().clone()
            self.calls.append((ids, values.detach().clone(), self.groups, plain))
        return values, ids


class Gates:
    """The logits of each router in a forward pass, computed as the model computes them."""

    def __init__(self, model):
        self.logits = []
        for name, module in model.named_modules():
            if name.endswith("mlp.gate"):
                module.register_forward_hook(self.take)

    def take(self, module, args, _):
        x = args[0].reshape(-1, args[0].shape[-1]).to(module.weight.dtype)
        self.logits.append(F.linear(x, module.weight))


class Balance:
    """Losses of routers: what counts as chosen is recorded in one run and given to the others."""

    def __init__(self, model, spec, recorded=None):
        self.form, self.scope, self.aux, self.z, self.rate, self.orthogonality = (*spec, 0.0, 0.0)[:6]
        self.gates, self.model, self.config = Gates(model), model, model.config
        self.replay, self.next, self.chosen, self.gap = recorded, 0, [], math.inf

    def top(self, scores, k):
        if self.replay is None:
            best, order = scores.detach().sort(dim=-1, descending=True)
            if k < scores.shape[-1]:
                self.gap = min(self.gap, (best[:, k - 1] - best[:, k]).min().item())
            ids = order[:, :k]
        else:
            ids = self.replay[self.next]
            self.next += 1
        self.chosen.append(ids)
        return ids

    def move(self, calls):
        """The selection biases, by what was chosen in the step."""
        biases = [p for n, p in everything(self.model) if n.endswith("correction_bias")]
        for bias, (ids, *_) in zip(biases if self.rate else [], calls):
            count = torch.bincount(ids.flatten(), minlength=bias.numel())
            with torch.no_grad():
                bias += self.rate * torch.sign(count.sum() - bias.numel() * count).to(bias.dtype)

    def orthogonal(self):
        """Mean squares of what products of routers' unit rows are off those of orthogonal ones."""
        loss = 0.0
        for name, weight in self.model.named_parameters():
            if name.endswith("mlp.gate.weight"):
                unit = F.normalize(weight.double(), dim=-1)
                loss = loss + (unit @ unit.T - torch.eye(len(unit), dtype=unit.dtype)).square().mean()
        return loss

    def take(self, ids):
        """Both losses of the pass that was made, without coefficients."""
        logits, self.gates.logits = self.gates.logits, []
        experts, k = experts_of(self.config), self.config.num_experts_per_tok
        shape = ids.shape if self.scope == "sequence" else (1, ids.numel())
        f, p, z = [], [], 0.0
        for one in logits:
            one = one if one.dtype == torch.float64 else one.float()
            if self.config.model_type == "deepseek_v3":
                scores = one.sigmoid()
                scores = scores / scores.sum(dim=-1, keepdim=True)
            else:
                scores = F.softmax(one, dim=-1)
            counted = torch.zeros_like(scores).scatter_(1, self.top(scores, k), 1.0)
            f.append(counted.reshape(*shape, experts).mean(dim=1))
            p.append(scores.reshape(*shape, experts).mean(dim=1))
            z = z + torch.logsumexp(one, dim=-1).square().mean()
        if self.form == "pooled":
            aux = (torch.stack(f).mean(dim=0) * torch.stack(p).mean(dim=0)).sum(dim=-1).mean() * experts
        else:
            aux = sum((a * b).sum(dim=-1).mean() for a, b in zip(f, p)) * experts / k
        return aux, z


def everything(model):
    """Parameters, and the biases that some families hold as buffers."""
    yield from model.named_parameters()
    for name, value in model.named_buffers():
        if name.endswith("correction_bias"):
            yield name, value


def experts_of(config):
    """How many a layer has."""
    return config.n_routed_experts if config.model_type == "deepseek_v3" else config.num_experts


def sparse_layers(config):
    """The layers that have experts."""
    if config.model_type == "deepseek_v3":
        return list(range(config.first_k_dense_replace, config.num_hidden_layers + config.num_nextn_predict_layers))
    if not getattr(config, "moe_intermediate_size", 0):
        return []
    if config.model_type == "ernie4_5_moe":
        return [i for i in range(config.moe_layer_start_index, config.moe_layer_end_index + 1)
                if (i + 1) % config.moe_layer_interval == 0]
    return [i for i in range(config.num_hidden_layers)
            if i not in config.mlp_only_layers and (i + 1) % config.decoder_sparse_step == 0]


def on_disk(name, value):
    """The tensors that one in memory is saved as: transformers 5 holds all experts of a layer as one."""
    name = name.replace(".default.weight", ".weight")
    if name.endswith(".experts.gate_up_proj"):
        width = value.shape[1] // 2
        for n, both in enumerate(value):
            yield f"{name[:-13]}.{n}.gate_proj.weight", both[:width]
            yield f"{name[:-13]}.{n}.up_proj.weight", both[width:]
    elif name.endswith(".experts.down_proj"):
        for n, one in enumerate(value):
            yield f"{name[:-10]}.{n}.down_proj.weight", one
    elif ".gate.moe_statics." in name:
        yield name.replace(".gate.moe_statics.", ".moe_statics."), value
    else:
        yield name, value


def make_model(name, folder, attempt):
    """Writes config.json and model.safetensors with random weights, and ids.json; returns the ids."""
    vocab, hidden, ffn, layers, heads, kv, head_dim, theta, tied, batch, length, extra = CONFIGS[name]
    torch.manual_seed(1000 + int(name[-2:]) + 100 * attempt)
    rope = extra.get("rope")
    more = dict(extra.get("config", {}))
    if "experts" in extra:
        keys = ("num_experts", "num_experts_per_tok", "moe_intermediate_size", "norm_topk_prob")
        more.update(zip(keys, extra["experts"]))
    if "ernie" in extra:
        more.update(zip(("moe_num_experts", "moe_k", "moe_intermediate_size", "moe_num_shared_experts"), extra["ernie"]))
    if "deepseek" in extra:
        more.update(zip(("n_routed_experts", "num_experts_per_tok", "moe_intermediate_size", "n_shared_experts", "n_group",
                         "topk_group", "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "v_head_dim"), extra["deepseek"]))
        more.update(qk_rope_head_dim=head_dim, num_nextn_predict_layers=0)
    if "balance" in extra and balance_is_theirs(name):
        more.update(output_router_logits=True, router_aux_loss_coef=extra["balance"][2])
    if FIVE:
        spelling = {"rope_parameters": {"rope_type": "default", "rope_theta": theta, **(rope or {})}}
    else:
        spelling = {"rope_theta": theta, "rope_scaling": rope}
    config = AutoConfig.for_model(
        name.rsplit("-", 1)[0],
        vocab_size=vocab, hidden_size=hidden, intermediate_size=ffn, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=kv, head_dim=head_dim, tie_word_embeddings=tied,
        max_position_embeddings=256, rms_norm_eps=extra.get("rms_norm_eps", 1e-6), bos_token_id=None, eos_token_id=0,
        pad_token_id=extra.get("pad"), **spelling, **more)
    model = AutoModelForCausalLM.from_config(config)
    def fill(key, parameter):
        with torch.no_grad():
            if key.endswith("e_score_correction_bias"):
                parameter.normal_(0.0, 0.5 / parameter.shape[-1])
                if "zero" in extra:
                    parameter.copy_(torch.tensor(extra["zero"]))
            elif key.endswith(".bias"):
                parameter.normal_(0.0, 0.3)
            elif parameter.dim() == 1:
                parameter.normal_(1.0, 0.25)
                if extra.get("peaked") and ("q_norm" in key or "k_norm" in key):
                    parameter.mul_(2.0)
            elif "embed_tokens" in key:
                parameter.normal_(0.0, 0.4)
            elif key.endswith("mlp.gate.weight"):
                parameter.normal_(0.0, 1.5 / parameter.shape[1] ** 0.5)
            else:
                parameter.normal_(0.0, 0.9 / parameter.shape[-1] ** 0.5)

    for key, parameter in everything(model):
        fill(key, parameter)
    model.save_pretrained(folder)
    if "mtp" in extra:
        mtp.add_to_files(model, folder, on_disk, fill)
    if "lora" in extra:
        make_adapter(model, os.path.join(folder, "adapter"), extra["lora"])
    generation = os.path.join(folder, "generation_config.json")
    if os.path.exists(generation):
        os.remove(generation)
    ids = torch.randint(0, vocab, (batch, length))
    if "pad" in extra:
        ids[0, 1] = ids[0, 2] = ids[-1, 0] = ids[-1, -1] = extra["pad"]
    with open(os.path.join(folder, "ids.json"), "w", encoding="ascii") as handle:
        json.dump(ids.tolist(), handle)
    return ids


def to_fp8(folder):
    """Gives a model's matrices of layers, but routers, values that FP8 has; returns what is saved of it in the end."""
    path, out = os.path.join(folder, "model.safetensors"), {}
    values = load_file(path)
    for name, matrix in list(values.items()):
        if not name.startswith("model.layers.") or matrix.dim() != 2 or name.endswith(".mlp.gate.weight"):
            out[name] = matrix
            continue
        codes, factors = torch.zeros(matrix.shape, dtype=torch.float8_e4m3fn), []
        for i in range(0, matrix.shape[0], 128):
            factors.append([])
            for j in range(0, matrix.shape[1], 128):
                block = matrix[i:i + 128, j:j + 128]
                # 448 is the largest value of a code.
                factors[-1].append(block.abs().max() / 448)
                codes[i:i + 128, j:j + 128] = (block / factors[-1][-1]).to(codes.dtype)
                values[name][i:i + 128, j:j + 128] = (codes[i:i + 128, j:j + 128].double() * factors[-1][-1].double()).float()
        out[name], out[name + "_scale_inv"] = codes, torch.tensor(factors, dtype=torch.float32)
    save_file(values, path, {"format": "pt"})
    return out


def write_fp8(folder, tensors):
    save_file(tensors, os.path.join(folder, "model.safetensors"), {"format": "pt"})
    path = os.path.join(folder, "config.json")
    with open(path, encoding="utf-8") as handle:
        config = json.load(handle)
    config["quantization_config"] = {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
                                     "weight_block_size": [128, 128]}
    with open(path, "w", encoding="utf-8") as handle:
        json.dump(config, handle, indent=2, sort_keys=True)
        handle.write("\n")


def make_adapter(model, folder, options):
    """Saves adapters with random values."""
    import peft
    adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **options))
    with torch.no_grad():
        for key, parameter in adapted.named_parameters():
            if ".lora_B." in key:
                parameter.normal_(0.0, 0.5 / parameter.shape[-1] ** 0.5)
    adapted.save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))
    # Where the model was is nobody's business.
    path = os.path.join(folder, "adapter_config.json")
    with open(path, encoding="utf-8") as handle:
        config = json.load(handle)
    config["base_model_name_or_path"] = None
    # A set, written in any order.
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    with open(path, "w", encoding="utf-8") as handle:
        json.dump(config, handle, indent=2, sort_keys=True)
        handle.write("\n")


def adapt(model, folder, dtype):
    """The model with the adapters that were saved, which alone are trained."""
    import peft
    adapted = peft.PeftModel.from_pretrained(model, folder, is_trainable=True, autocast_adapter_dtype=False)
    for key, parameter in adapted.named_parameters():
        # ERNIE's routers stay in float32, whatever the model is in.
        if ".lora_" in key:
            parameter.data = parameter.data.to(dtype)
    modules = dict(adapted.named_modules())
    names = sorted(name for name, module in modules.items() if hasattr(module, "lora_dropout"))
    for number, name in enumerate(names):
        drop = modules[name].lora_dropout["default"]
        if isinstance(drop, torch.nn.Dropout):
            modules[name].lora_dropout["default"] = AdapterDropout(drop.p, number)
    return adapted


def loss_of(logits, ids):
    """Mean next-token cross-entropy within each row; in float32 at least."""
    logits = logits if logits.dtype == torch.float64 else logits.float()
    return F.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))


def frequencies(config):
    """Of the rotation, in float64."""
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    theta = rope.get("rope_theta") or config.rope_theta
    dims = config.head_dim
    plain = 1.0 / theta ** (torch.arange(0, dims, 2, dtype=torch.float64) / dims)
    if rope.get("rope_type", "default") != "yarn":
        return plain

    def dimension(turns):
        original = rope["original_max_position_embeddings"]
        return dims * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low, high = dimension(rope.get("beta_fast") or 32), dimension(rope.get("beta_slow") or 1)
    if rope.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dims - 1)
    if low == high:
        high += 0.001
    ramp = torch.clamp((torch.arange(dims // 2, dtype=torch.float64) - low) / (high - low), 0, 1)
    return plain / rope["factor"] * ramp + plain * (1 - ramp)


def load(folder, dtype):
    """The model in one dtype; in float64 its rotation frequencies are computed anew."""
    eager = {"experts_implementation": "eager"} if FIVE else {}
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype if dtype != torch.float64 else torch.float32,
                                                 attn_implementation="eager", **eager)
    # Losses of routers are computed here; transformers 4.57 would call topk for its own.
    model.config.output_router_logits = False
    if dtype == torch.float64:
        model.double()
        theirs, ours = model.model.rotary_emb.inv_freq, frequencies(model.config)
        assert torch.allclose(theirs, ours, rtol=1e-5), (theirs, ours)
        model.model.rotary_emb.inv_freq = ours
    if getattr(model.config, "num_nextn_predict_layers", 0) and os.path.basename(folder) in CONFIGS:
        mtp.attach(model, folder, on_disk, dtype)
    adapter = os.path.join(folder, "adapter")
    return adapt(model, adapter, dtype) if os.path.exists(adapter) else model


def forward(model, ids, step):
    """Logits in training, with the dropout of a step from 0."""
    with Dropout() as dropout:
        dropout.step = AdapterDropout.step = step + 1
        return mtp.see(model, ids)


def with_mtp(model, ids, loss, weight):
    """The loss with that of multi-token prediction."""
    return loss + weight * mtp.loss_of(model.ahead, ids) if weight else loss


def balance_is_theirs(name):
    """Whether transformers has these losses."""
    spec = CONFIGS[name][-1]["balance"]
    return spec[:2] == ("pooled", "step") and spec[2] > 0 and not any(spec[3:])


def check_theirs(model, ids, ours):
    """The auxiliary loss of transformers."""
    with torch.no_grad(), InFloat64():
        theirs = model(input_ids=ids, use_cache=False, output_router_logits=True).aux_loss
    assert abs(theirs.item() - ours.item()) < 1e-12 * abs(ours.item()), (theirs, ours)


def run(model, ids, balance=None, routing=None, ahead=0.0):
    """Everything golden.safetensors holds, computed in the model's dtype; tensors in float64."""
    out = {}
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    losses = []
    with torch.no_grad():
        out["logits"] = mtp.see(model.eval(), ids).double()
    model.train()
    if balance:
        balance.gates.logits = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(forward(model, ids, step), ids)
        total = with_mtp(model, ids, loss, ahead)
        if ahead and step == 0:
            out["mtp_loss"] = mtp.loss_of(model.ahead, ids).detach().double().reshape(1)
        if balance:
            aux, z = balance.take(ids)
            total = total + balance.aux * aux + balance.z * z
            if balance.orthogonality:
                total = total + balance.orthogonality * balance.orthogonal()
            if step == 0:
                if balance.orthogonality:
                    out["orthogonality_loss"] = balance.orthogonal().detach().reshape(1)
                if balance.aux:
                    out["aux_loss"] = aux.detach().double().reshape(1)
                if balance.z:
                    out["z_loss"] = z.detach().double().reshape(1)
        total.backward()
        idle_experts(model)
        losses.append(loss.detach().double())
        if step == 0:
            out["loss"] = loss.detach().double().reshape(1)
            for key, parameter in model.named_parameters():
                if "correction_bias" in key or not parameter.requires_grad:
                    continue
                for name, grad in on_disk(mtp.saved_name(key, model.config.num_hidden_layers), parameter.grad):
                    out["grad." + name] = grad.double().clone()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if balance:
            balance.move(routing.calls[-len(sparse_layers(model.config)):])
    out["losses"] = torch.stack(losses)
    for key, parameter in saved(model):
        for name, value in on_disk(mtp.saved_name(key, model.config.num_hidden_layers), parameter.detach()):
            out["param." + name] = value.double().clone()
    return out


def saved(model):
    """The parameters of a model, or of its adapters where it has some: selection biases are not trained either."""
    adapters = [(k, p) for k, p in model.named_parameters() if ".lora_" in k]
    return adapters or list(everything(model))


def idle_experts(model):
    """Experts without a token have a gradient of zero, and not none: AdamW goes on with their moments."""
    for parameter in model.parameters():
        if parameter.grad is None and parameter.requires_grad:
            parameter.grad = torch.zeros_like(parameter)


def run_routed(model, ids, replay=None, balance=None, masked=False, ahead=0.0):
    """`run`, what the routers of the first pass said, and the recorder."""
    biases = [p.detach().double().reshape(-1).clone() for n, p in everything(model) if "correction_bias" in n]
    deepseek = model.config.model_type == "deepseek_v3"
    with Routing(replay, grouped=deepseek) as routing:
        out = run(model, ids, balance, routing, ahead)
    for place, layer in enumerate(sparse_layers(model.config)):
        if layer >= model.config.num_hidden_layers:
            continue  # what a module chose is nothing that generation shows
        weights = routing.calls[place][1].double()
        if model.config.model_type == "ernie4_5_moe":
            # What topk saw had the bias.
            weights = weights - biases[place][routing.calls[place][0]]
            weights = weights / weights.sum(dim=-1, keepdim=True).clamp(min=model.config.moe_norm_min)
        elif deepseek:
            # 4.57 makes the experts of other groups zeros, 5 leaves them out.
            zeros = (routing.calls[place][1] == 0).any().item()
            assert zeros == masked and not (FIVE and masked), "the versions would choose differently, or should and do not"
            weights = routing.calls[place][3].double()
            if model.config.norm_topk_prob:
                weights = weights / weights.sum(dim=-1, keepdim=True)
            weights = weights * model.config.routed_scaling_factor
        elif model.config.norm_topk_prob:
            weights = weights / weights.sum(dim=-1, keepdim=True)
        # As the model multiplies with them.
        weights = weights.to(model.dtype).double()
        out[f"router.weights.{layer}"] = weights.reshape(*ids.shape, -1)
    return out, routing


def choices(routing, layers, ids, routed):
    """The tensors that say what was chosen: of the first pass, and of each step."""
    out = {}
    for place, layer in enumerate(layers):
        passes = [call[0].int().reshape(*ids.shape, -1) for call in routing.calls[place::len(layers)]]
        if layer < routed:
            out[f"router.ids.{layer}"] = passes[0].clone()
        out[f"routing.{layer}"] = torch.stack(passes[1:])
    return out


def run_with_masters(folder, ids, replay, spec=None, recorded=None, ahead=0.0):
    """`losses` and `param.*` of the bfloat16 model whose weights are narrowed at each step from float32 ones: those AdamW
    updates. Where the weights themselves are bfloat16, what is measured is how many updates are lost in them."""
    masters, model = load(folder, torch.float32), load(folder, torch.bfloat16)
    optimizer = torch.optim.AdamW(masters.parameters(), lr=3e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    losses = []
    balance = Balance(model, spec, recorded) if spec else None
    model.train()
    for step in range(STEPS):
        with torch.no_grad():
            for (_, narrow), (_, master) in zip(everything(model), everything(masters)):
                narrow.copy_(master)
                narrow.grad = None
        grouped = model.config.model_type == "deepseek_v3"
        with Routing(replay, step * len(sparse_layers(model.config)), grouped) as routing:
            loss = loss_of(forward(model, ids, step), ids)
        total = with_mtp(model, ids, loss, ahead)
        if balance:
            aux, z = balance.take(ids)
            total = total + balance.aux * aux + balance.z * z
            if balance.orthogonality:
                total = total + balance.orthogonality * balance.orthogonal()
        total.backward()
        idle_experts(model)
        losses.append(loss.detach().double())
        for narrow, master in zip(model.parameters(), masters.parameters()):
            if narrow.requires_grad:
                master.grad = narrow.grad.float()
        torch.nn.utils.clip_grad_norm_(masters.parameters(), 1.0)
        optimizer.step()
        if balance:
            balance.model = masters
            balance.move(routing.calls)
            balance.model = model
    out = {"param." + name: value.double() for key, parameter in saved(masters)
           for name, value in on_disk(mtp.saved_name(key, model.config.num_hidden_layers), parameter.detach())}
    out["losses"] = torch.stack(losses)
    return out


def distance(a, b):
    """Relative L2 distance of a from b; where b is zero, the norm of a."""
    scale = b.norm().item()
    return (a - b).norm().item() / (scale if scale > 0 else 1.0)


def main():
    out = sys.argv[1]
    torch.set_num_threads(1)
    for name in sys.argv[2:] or sorted(CONFIGS):
        folder = os.path.join(out, name)
        for attempt in range(1000):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            ids = make_model(name, folder, attempt)
            fp8 = to_fp8(folder) if CONFIGS[name][-1].get("fp8") else None
            model = load(folder, torch.float64)
            layers = sparse_layers(model.config)
            spec, ahead = CONFIGS[name][-1].get("balance"), CONFIGS[name][-1].get("mtp", 0.0)
            balance = Balance(model, spec) if spec else None
            with InFloat64():
                golden, routing = run_routed(model, ids, balance=balance, masked="zero" in CONFIGS[name][-1],
                                             ahead=ahead)
            if routing.gap > 1e-4 and (not balance or balance.gap > 1e-4):
                break
        recorded = balance and balance.chosen
        if spec and balance_is_theirs(name):
            check_theirs(load(folder, torch.float64), ids, golden["aux_loss"])
        elif spec:
            with open(os.path.join(folder, "balance"), "w", encoding="ascii") as handle:
                handle.write(",".join(map(str, spec)))
        if "zero" in CONFIGS[name][-1]:
            with open(os.path.join(folder, "group_mask"), "w", encoding="ascii") as handle:
                handle.write("zero")
        if ahead:
            with open(os.path.join(folder, "mtp"), "w", encoding="ascii") as handle:
                handle.write(str(ahead))
        chosen = choices(routing, layers, ids, model.config.num_hidden_layers)
        if CONFIGS[name][-1].get("idle"):
            used = {e for layer in layers for e in chosen[f"routing.{layer}"].unique().tolist()}
            assert len(used) < experts_of(model.config), "every expert has a token"
        replay = [(call[0], call[2]) for call in routing.calls]
        def again(dtype):
            one = load(folder, dtype)
            return run_routed(one, ids, replay, Balance(one, spec, recorded) if spec else None, "zero" in CONFIGS[name][-1],
                              ahead)[0]

        f32, bf16 = again(torch.float32), again(torch.bfloat16)
        masters = run_with_masters(folder, ids, replay[len(layers):], spec, recorded, ahead)
        stored = {key: value.float().contiguous() for key, value in golden.items()}
        stored.update(chosen)
        for key, value in golden.items():
            far = [distance(one[key], value) for one in (f32, bf16, masters) if key in one]
            stored["distance." + key] = torch.tensor(far)
        save_file(stored, os.path.join(folder, "golden.safetensors"),
                  {"made_by": f"transformers {transformers.__version__}, torch {torch.__version__}"})
        if fp8:
            write_fp8(folder, fp8)
        count = sum(t.numel() for t in load_file(os.path.join(folder, "model.safetensors")).values())
        worst = max(distance(f32[k], golden[k]) for k in golden)
        print(f"{name}: {count} parameters, loss {golden['loss'].item():.6f} -> {golden['losses'][-1].item():.6f}, "
              f"worst float32 distance {worst:.1e}")


main()
