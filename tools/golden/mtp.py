"""Multi-token prediction after the formulas of DeepSeek-V3's paper (arXiv 2412.19437, section 2.2, equations 21 to 25):
transformers has no loss for it. Only the layer in the module is transformers' own, as the other layers are.

For a model with `num_hidden_layers` = n the module is what releases save as model.layers.<n>: with h after the final norm,
x_i = eh_proj [enorm(embedding of token i + 1), hnorm(h_i)], one layer, the norm of the shared head, and the model's own
head, which predicts token i + 2. Nothing is detached. The last place of a row, which has no next token, gets its own; no
place that has a target sees it."""
import copy
import json
import os

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file


def layer_of(model):
    """One more layer of the model's own kind, and the kind of its norms."""
    config = copy.deepcopy(model.config)
    one = type(model.model.layers[0])(config, config.num_hidden_layers)
    return one, type(model.model.norm)


class Module(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        hidden, eps = model.config.hidden_size, model.config.rms_norm_eps
        layer, norm = layer_of(model)
        self.enorm, self.hnorm = norm(hidden, eps), norm(hidden, eps)
        self.eh_proj = torch.nn.Linear(2 * hidden, hidden, bias=False)
        self.layer, self.head_norm = layer, norm(hidden, eps)

    def forward(self, model, h, ids):
        following = torch.cat([ids[:, 1:], ids[:, -1:]], dim=1)
        x = torch.cat([self.enorm(model.model.embed_tokens(following)), self.hnorm(h)], dim=-1)
        x = self.eh_proj(x)
        places = torch.arange(ids.shape[1])[None]
        mask = torch.zeros(ids.shape[1], ids.shape[1], dtype=x.dtype)
        mask = mask.masked_fill(places > places.T, torch.finfo(x.dtype).min)[None, None]
        x = self.layer(x, attention_mask=mask, position_ids=places,
                       position_embeddings=model.model.rotary_emb(x, places))
        return model.lm_head(self.head_norm(x[0] if isinstance(x, tuple) else x))


def saved_name(name, layers):
    """What a parameter "mtp.*" is called on disk."""
    if name.startswith("mtp.layer."):
        return f"model.layers.{layers}.{name[10:]}"
    if name.startswith("mtp."):
        return f"model.layers.{layers}.{name[4:]}".replace(".head_norm.", ".shared_head.norm.")
    return name


def add_to_files(model, folder, on_disk, fill):
    """Writes a module with random values beside a saved model's."""
    module = Module(model)
    values = dict(module.named_parameters())
    values.update((n, b) for n, b in module.named_buffers() if n.endswith("correction_bias"))
    path, layers = os.path.join(folder, "model.safetensors"), model.config.num_hidden_layers
    tensors = load_file(path)
    for name, value in values.items():
        fill(name, value)
        for saved, part in on_disk(saved_name("mtp." + name, layers), value.detach()):
            tensors[saved] = part.clone()
    table = tensors["model.embed_tokens.weight"]
    tensors[f"model.layers.{layers}.embed_tokens.weight"] = table.clone()
    tensors[f"model.layers.{layers}.shared_head.head.weight"] = tensors.get("lm_head.weight", table).clone()
    save_file(tensors, path, {"format": "pt"})
    path = os.path.join(folder, "config.json")
    with open(path, encoding="utf-8") as handle:
        config = json.load(handle)
    config["num_nextn_predict_layers"] = 1
    with open(path, "w", encoding="utf-8") as handle:
        json.dump(config, handle, indent=2, sort_keys=True)
        handle.write("\n")


def attach(model, folder, on_disk, dtype):
    """Gives a loaded model its module, as `mtp`, and remembers the hidden states after its final norm."""
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    module = Module(model).to(dtype)
    values = dict(module.named_parameters())
    for name, value in list(module.named_buffers()):
        if name.endswith("correction_bias"):
            own = [b.dtype for n, b in model.named_buffers() if n.endswith("correction_bias")]
            value.data = value.data.to(own[0] if own else dtype)
            values[name] = value
    with torch.no_grad():
        for name, value in values.items():
            for saved, part in on_disk(saved_name("mtp." + name, model.config.num_hidden_layers), value):
                part.copy_(tensors[saved])
    model.mtp = module
    model.model.norm.register_forward_hook(lambda _, __, h: setattr(model.model, "normed", h))


def see(model, ids):
    """Logits of the next token; those of the one after it are left in model.ahead."""
    logits = model(input_ids=ids, use_cache=False).logits
    if hasattr(model, "mtp"):
        model.ahead = model.mtp(model, model.model.normed, ids)
    return logits


def loss_of(logits, ids):
    """Mean cross-entropy of the tokens after the next within each row."""
    logits = logits if logits.dtype == torch.float64 else logits.float()
    return F.cross_entropy(logits[:, :-2].reshape(-1, logits.shape[-1]), ids[:, 2:].reshape(-1))
