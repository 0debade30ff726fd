#!/usr/bin/env python3
"""CLIP with seeded random weights in every format that people have it in, and IMU encoders as the reference saves them.

    python tools/weights.py                      # a tiny CLIP: writes src/test/resources/weights
    python tools/weights.py --full OUT_DIR       # ViT-B/32, 3 GB
    python tools/weights.py --encoder OUT_DIR    # mw2 as x_src_encoder.pt and as Lightning's checkpoint x.ckpt
    python tools/weights.py --check FILE.pt OUT  # loads an encoder of ours into mw2; OUT.safetensors gets what it makes of a window

Needs torch, transformers, open_clip_torch, safetensors; --encoder and --check only torch and safetensors.

The same weights, each exact in float16, are in
    openai.pt                               TorchScript, projections and matrices float16, as OpenAI publishes them
    openai_state_dict.pt                    a plain state dict with OpenAI's names (tiny: zipped again by a writer that cannot seek)
    hf/model.safetensors, config.json       transformers
    hf_bin/pytorch_model.bin, config.json   transformers
    open_clip/open_clip_model.safetensors, open_clip_config.json
    open_clip_checkpoint.pt                 a training checkpoint of open_clip, wrapped by DistributedDataParallel
and expected.safetensors holds input_ids, pixel_values (already normalised), text_embeds and image_embeds with QuickGELU and, under
names with _gelu, with exact GELU. Embeddings are not normalised, computed in float64 by transformers, and checked here against open_clip
and against the module that becomes openai.pt. Tiny files are float16, those of --full float32 where not said otherwise.

Tiny adds small files of PyTorch with what else such files may hold: odd.pt and odd_legacy.pt (views, shared storages, every type),
lightning.ckpt, whole_model.pt, code.pt (would run a command) and state_dict.pt (what our writer must reproduce).
"""
import argparse
import collections
import io
import json
import math
import os
import pathlib
import sys
import types
import warnings
import zipfile

import torch
from safetensors.torch import save_file
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
RESOURCES = os.path.join(HERE, "..", "src", "test", "resources", "weights")

Tower = collections.namedtuple("Tower", "layers width heads hidden")
Sizes = collections.namedtuple("Sizes", "text vision vocabulary positions image patch projection")
TINY = Sizes(Tower(2, 64, 1, 32), Tower(1, 64, 1, 32), 48, 8, 8, 4, 16)
FULL = Sizes(Tower(12, 512, 8, 2048), Tower(12, 768, 12, 3072), 49408, 77, 224, 32, 512)


# ---- the model with OpenAI's parameter names ----

class Block(nn.Module):
    def __init__(self, tower, causal, gelu):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(tower.width), nn.LayerNorm(tower.width)
        self.attn = nn.MultiheadAttention(tower.width, tower.heads, batch_first=True)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(tower.width, tower.hidden), "c_proj": nn.Linear(tower.hidden, tower.width)})
        self.causal, self.gelu = causal, gelu

    def forward(self, x):
        y = self.ln_1(x)
        mask = torch.full((x.shape[1], x.shape[1]), -math.inf, dtype=x.dtype).triu(1) if self.causal else None
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        h = self.mlp["c_fc"](self.ln_2(x))
        h = nn.functional.gelu(h) if self.gelu else h * torch.sigmoid(1.702 * h)
        return x + self.mlp["c_proj"](h)


class Transformer(nn.Module):
    def __init__(self, tower, causal, gelu):
        super().__init__()
        self.resblocks = nn.Sequential(*[Block(tower, causal, gelu) for _ in range(tower.layers)])

    def forward(self, x):
        return self.resblocks(x)


class Visual(nn.Module):
    def __init__(self, s, gelu):
        super().__init__()
        width = s.vision.width
        self.conv1 = nn.Conv2d(3, width, s.patch, s.patch, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros((s.image // s.patch) ** 2 + 1, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Transformer(s.vision, False, gelu)
        self.proj = nn.Parameter(torch.zeros(width, s.projection))

    def forward(self, pixels):
        patches = self.conv1(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(pixels.shape[0], 1, -1)
        x = self.ln_pre(torch.cat([first, patches], 1) + self.positional_embedding)
        return self.ln_post(self.transformer(x)[:, 0]) @ self.proj


class Clip(nn.Module):
    def __init__(self, s, gelu=False):
        super().__init__()
        self.visual = Visual(s, gelu)
        self.transformer = Transformer(s.text, True, gelu)
        self.token_embedding = nn.Embedding(s.vocabulary, s.text.width)
        self.positional_embedding = nn.Parameter(torch.zeros(s.positions, s.text.width))
        self.ln_final = nn.LayerNorm(s.text.width)
        self.text_projection = nn.Parameter(torch.zeros(s.text.width, s.projection))
        self.logit_scale = nn.Parameter(torch.zeros(()))

    def encode_text(self, ids):
        x = self.ln_final(self.transformer(self.token_embedding(ids) + self.positional_embedding))
        return x[torch.arange(ids.shape[0]), ids.argmax(-1)] @ self.text_projection

    def forward(self, pixels, ids):
        return self.visual(pixels), self.encode_text(ids)


def random_weights(s):
    """OpenAI's initial scales; biases and norms are random too, so that a mistake with one of them shows."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, parameter in Clip(s).state_dict().items():
        tower = s.vision if name.startswith("visual.") else s.text
        normal = torch.randn(parameter.shape, generator=generator)
        residual = (2 * tower.layers * tower.width) ** -0.5
        if "ln_" in name:
            value = 0.1 * normal + name.endswith("weight")
        elif name.endswith("bias"):
            value = 0.02 * normal
        elif name == "logit_scale":
            value = torch.tensor(math.log(1 / 0.07))
        elif "token_embedding" in name or name.startswith("positional"):
            value = 0.02 * normal
        elif "conv1" in name:
            value = normal * parameter[0].numel() ** -0.5
        elif "out_proj" in name or "c_proj" in name:
            value = normal * residual
        else:
            value = normal * tower.width ** -0.5
        weights[name] = value.half().float()
    return weights


# ---- the same for the others ----

def hugging_face(s, weights, gelu=False):
    from transformers import CLIPConfig, CLIPModel
    act = "gelu" if gelu else "quick_gelu"

    def tower(t):
        return dict(hidden_size=t.width, intermediate_size=t.hidden, num_hidden_layers=t.layers, num_attention_heads=t.heads,
                    hidden_act=act, projection_dim=s.projection, layer_norm_eps=1e-5)
    model = CLIPModel(CLIPConfig(
        text_config=dict(tower(s.text), vocab_size=s.vocabulary, max_position_embeddings=s.positions, bos_token_id=0, eos_token_id=2,
                         pad_token_id=1),
        vision_config=dict(tower(s.vision), image_size=s.image, patch_size=s.patch), projection_dim=s.projection)).eval()
    names = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "attn.out_proj": "self_attn.out_proj", "mlp.c_fc": "mlp.fc1",
             "mlp.c_proj": "mlp.fc2"}
    state = {"logit_scale": weights["logit_scale"], "text_projection.weight": weights["text_projection"].T,
             "visual_projection.weight": weights["visual.proj"].T,
             "text_model.embeddings.token_embedding.weight": weights["token_embedding.weight"],
             "text_model.embeddings.position_embedding.weight": weights["positional_embedding"],
             "vision_model.embeddings.class_embedding": weights["visual.class_embedding"],
             "vision_model.embeddings.patch_embedding.weight": weights["visual.conv1.weight"],
             "vision_model.embeddings.position_embedding.weight": weights["visual.positional_embedding"]}
    for theirs, ours in (("ln_final", "text_model.final_layer_norm"), ("visual.ln_pre", "vision_model.pre_layrnorm"),
                         ("visual.ln_post", "vision_model.post_layernorm")):
        for kind in ("weight", "bias"):
            state[f"{ours}.{kind}"] = weights[f"{theirs}.{kind}"]
    for prefix, side, t in (("", "text_model", s.text), ("visual.", "vision_model", s.vision)):
        for layer in range(t.layers):
            block, target = f"{prefix}transformer.resblocks.{layer}.", f"{side}.encoder.layers.{layer}."
            for kind in ("weight", "bias"):
                for theirs, ours in names.items():
                    state[f"{target}{ours}.{kind}"] = weights[f"{block}{theirs}.{kind}"]
                for part, value in zip("qkv", weights[f"{block}attn.in_proj_{kind}"].chunk(3)):
                    state[f"{target}self_attn.{part}_proj.{kind}"] = value
    missing, extra = model.load_state_dict(state, strict=False)
    assert not extra and all("position_ids" in name for name in missing), (missing, extra)
    return model


def open_clip_config(s):
    return {"embed_dim": s.projection, "quick_gelu": True,
            "vision_cfg": {"image_size": s.image, "layers": s.vision.layers, "width": s.vision.width, "patch_size": s.patch,
                           "head_width": s.vision.width // s.vision.heads, "mlp_ratio": s.vision.hidden / s.vision.width},
            "text_cfg": {"context_length": s.positions, "vocab_size": s.vocabulary, "width": s.text.width, "heads": s.text.heads,
                         "layers": s.text.layers, "mlp_ratio": s.text.hidden / s.text.width}}


def open_clip_model(s, weights):
    import open_clip
    model = open_clip.CLIP(**open_clip_config(s)).eval()
    model.load_state_dict(weights)
    return model


def examples(s):
    generator = torch.Generator().manual_seed(1)
    ids = torch.zeros(4, s.positions, dtype=torch.long)
    for row, length in enumerate((0, 1, 4, s.positions - 2)):
        ids[row, 0] = s.vocabulary - 2
        ids[row, 1:1 + length] = torch.randint(0, s.vocabulary - 2, (length,), generator=generator)
        ids[row, 1 + length] = s.vocabulary - 1
    return ids, torch.randn(3, 3, s.image, s.image, generator=generator)


def embeddings(s, weights):
    ids, pixels = examples(s)
    expected = {"input_ids": ids, "pixel_values": pixels}
    with torch.no_grad():
        for suffix, gelu in (("", False), ("_gelu", True)):
            model = hugging_face(s, weights, gelu).double()
            text = model.text_projection(model.text_model(input_ids=ids).pooler_output)
            image = model.visual_projection(model.vision_model(pixel_values=pixels.double()).pooler_output)
            own = Clip(s, gelu)
            own.load_state_dict(weights)
            pairs = [own.double()(pixels.double(), ids)]
            if not gelu:
                theirs = open_clip_model(s, weights).double()
                pairs.append((theirs.encode_image(pixels.double()), theirs.encode_text(ids)))
            worst = max((a - b).abs().max().item() for pair in pairs for a, b in zip(pair, (image, text)))
            print(f"{'GELU' if gelu else 'QuickGELU'}: transformers, open_clip and the module differ by at most {worst:.1e} in float64")
            assert worst < 1e-9
            expected["text_embeds" + suffix], expected["image_embeds" + suffix] = text.float(), image.float()
    return expected


# ---- files ----

def made(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def write_json(value, path):
    with open(made(path), "w") as file:
        json.dump(value, file, indent=1)
        file.write("\n")


def torchscript(s, weights, path):
    """Traced in float32; then the types are those of OpenAI's archive: norms and embeddings stay float32."""
    model = Clip(s).eval()
    model.load_state_dict(weights)
    for name, value in (("input_resolution", s.image), ("context_length", s.positions), ("vocab_size", s.vocabulary)):
        model.register_buffer(name, torch.tensor(value))
    ids, pixels = examples(s)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(model, (pixels, ids), check_trace=False)
        for name, parameter in traced.named_parameters():
            if not ("ln_" in name or "embedding" in name or name == "logit_scale"):
                parameter.data = parameter.data.half()
        torch.jit.save(traced, made(path))
    # The debug files hold the paths of this machine's sources. What is left is aligned to nothing, as in archives of old versions.
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(path + ".tmp", "w") as new:
        for entry in old.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                new.writestr(zipfile.ZipInfo(entry.filename), old.read(entry.filename), entry.compress_type)
    os.replace(path + ".tmp", path)


def streamed(source, path):
    """The archive again, by a writer that knows no size in advance: local headers without sizes, zip64 fields."""
    class OneWay(io.RawIOBase):
        def __init__(self, file):
            self.file = file

        def writable(self):
            return True

        def write(self, data):
            return self.file.write(data)

    with zipfile.ZipFile(source) as old, open(path, "wb") as file:
        with zipfile.ZipFile(OneWay(file), "w") as new:
            for name in old.namelist():
                info = zipfile.ZipInfo(name.replace(name.split("/")[0], "ViT-B-32", 1))
                with new.open(info, "w", force_zip64=True) as entry:
                    entry.write(old.read(name))


def clip(s, out, tiny):
    weights = random_weights(s)
    count = sum(w.numel() for w in weights.values())
    print(f"{count:,} parameters")
    assert tiny or count == 151_277_313
    save_file(embeddings(s, weights), made(os.path.join(out, "expected.safetensors")))
    stored = {name: w.half() if tiny else w for name, w in weights.items()}
    torchscript(s, weights, os.path.join(out, "openai.pt"))
    plain = os.path.join(out, "openai_state_dict.pt")
    torch.save(collections.OrderedDict(stored), plain)
    if tiny:
        streamed(plain, plain + ".tmp")
        os.replace(plain + ".tmp", plain)
    model = hugging_face(s, weights)
    model = model.half() if tiny else model
    config = model.config.to_dict()
    model.save_pretrained(made(os.path.join(out, "hf", "model.safetensors")).rsplit(os.sep, 1)[0])
    torch.save(model.state_dict(), made(os.path.join(out, "hf_bin", "pytorch_model.bin")))
    for folder in ("hf", "hf_bin"):
        write_json({key: config[key] for key in ("model_type", "projection_dim", "text_config", "vision_config")},
                   os.path.join(out, folder, "config.json"))
    save_file(stored, made(os.path.join(out, "open_clip", "open_clip_model.safetensors")))
    write_json({"model_cfg": open_clip_config(s), "preprocess_cfg": {"mean": [0.48145466, 0.4578275, 0.40821073],
                                                                     "std": [0.26862954, 0.26130258, 0.27577711]}},
               os.path.join(out, "open_clip", "open_clip_config.json"))
    scale = nn.Parameter(weights["logit_scale"].clone())
    optimizer = torch.optim.AdamW([scale], lr=1e-3)
    (scale * 2).backward()
    optimizer.step()
    torch.save({"epoch": 1, "name": "run", "state_dict": {"module." + name: w for name, w in stored.items()},
                "optimizer": optimizer.state_dict()}, os.path.join(out, "open_clip_checkpoint.pt"))


# ---- what else PyTorch's files may hold ----

class Runs:
    """Unpickling it would call os.mkdir."""

    def __reduce__(self):
        return os.mkdir, ("code-from-a-pickle-ran",)


def odd():
    base = torch.arange(24, dtype=torch.float32)
    matrix = base.reshape(4, 6)
    return collections.OrderedDict(
        transposed=matrix.t(), column=matrix[:, 2], part=matrix[1:3, 2:5], all=base, permuted=base.reshape(2, 3, 4).permute(2, 0, 1),
        scalar=torch.tensor(3.5), empty=torch.empty(0, 4), one=torch.ones(1, 1), repeated=torch.ones(1, 3).expand(5, 3),
        half=torch.tensor([1, -2.5, 65504, 6e-8], dtype=torch.float16), brain=torch.tensor([1, -2.5, 1e30], dtype=torch.bfloat16),
        double=torch.tensor([0.1, 1e300], dtype=torch.float64), ids=torch.tensor([1, 1 << 40]), ints=torch.tensor([7], dtype=torch.int32),
        flags=torch.tensor([True, False]), bytes=torch.tensor([1, 2], dtype=torch.uint8), shorts=torch.tensor([1], dtype=torch.int16),
        complex=torch.tensor([1 + 2j]), parameter=nn.Parameter(torch.tensor([1.0, 2.0])))


def lightning(state):
    """As PyTorch Lightning lays a checkpoint out, with objects of classes that only its Python knows."""
    module = types.ModuleType("pytorch_lightning_of_a_test")
    module.Callback = type("Callback", (), {"__module__": module.__name__})
    sys.modules[module.__name__] = module
    callback = module.Callback()
    callback.best_model_path, callback.best_model_score = pathlib.PurePosixPath("saved/i2c.ckpt"), torch.tensor(0.5)
    parameter = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([parameter])
    parameter.sum().backward()
    optimizer.step()
    return {"epoch": 4, "global_step": 10 ** 12, "pytorch-lightning_version": "1.9.5", "state_dict": collections.OrderedDict(state),
            "loops": {"fit_loop": {"progress": [1, 2, (3, None)], "done": False}}, "callbacks": {module.Callback: callback},
            "optimizer_states": [optimizer.state_dict()], "lr_schedulers": [], "hparams_name": "kwargs",
            "hyper_parameters": argparse.Namespace(batch_size=32, lr=2e-4, paths={"a", "b"}, raw=b"bytes", big=2 ** 80)}


def oddities(out):
    torch.save(odd(), os.path.join(out, "odd.pt"))
    legacy = odd()
    torch.save(legacy, os.path.join(out, "odd_legacy.pt"), _use_new_zipfile_serialization=False)
    names = {"imu_encoder.net.0.weight": torch.arange(6.0), "imu_encoder.net.0.bias": torch.zeros(6), "loss.temperature": torch.tensor(0.1)}
    torch.save(lightning(names), os.path.join(out, "lightning.ckpt"))
    whole = nn.Linear(2, 2)
    torch.save(whole, os.path.join(out, "whole_model.pt"))
    torch.save({"weight": torch.ones(2), "run": Runs()}, os.path.join(out, "code.pt"))
    state = collections.OrderedDict((f"net.{i}.weight", torch.full((i % 3, 2, 2, 2, i)[:i % 6], float(i))) for i in range(60))
    state["long"] = torch.arange(70_000, dtype=torch.float32)[::7].contiguous()
    state["half"] = torch.ones(3, dtype=torch.float16)
    torch.save(state, os.path.join(out, "state_dict.pt"))


# ---- IMU encoders ----

class Mw2(nn.Module):
    """The encoder of docs/architecture.md with the parameter names that saved ones have."""

    def __init__(self):
        super().__init__()

        def block(channels, kernel):
            return nn.ModuleDict({"net": nn.Sequential(nn.Conv1d(channels, 32, kernel, bias=False, dilation=2), nn.MaxPool1d(3))})
        self.net = nn.ModuleList([nn.GroupNorm(2, 6), block(6, 10), block(32, 5), block(32, 5), nn.GroupNorm(4, 32),
                                  nn.GRU(32, 512, batch_first=True)])

    def forward(self, x):
        x = self.net[0](x)
        for i in (1, 2, 3):
            x = self.net[i]["net"](x)
        return self.net[5](self.net[4](x))[1][0]


def encoder(out):
    torch.manual_seed(0)
    state = Mw2().state_dict()
    os.makedirs(out, exist_ok=True)
    torch.save(state, os.path.join(out, "x_src_encoder.pt"))
    torch.save(lightning({f"imu_encoder.{name}": value for name, value in state.items()}), os.path.join(out, "x.ckpt"))
    save_file(state, os.path.join(out, "expected.safetensors"))


def check(file, out):
    model = Mw2().eval()
    model.load_state_dict(torch.load(file, weights_only=True))
    window = torch.sin(0.01 * torch.arange(1000) * torch.arange(1, 7)[:, None])[None]
    with torch.no_grad():
        save_file({"window": window, "embedding": model(window)}, out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--full", metavar="OUT_DIR", help="write ViT-B/32 there instead of the tiny one")
    parser.add_argument("--encoder", metavar="OUT_DIR", help="write IMU encoders as the reference saves them")
    parser.add_argument("--check", nargs=2, metavar=("FILE.pt", "OUT"), help="load an encoder of ours and run it")
    parser.add_argument("--out", default=RESOURCES, help="folder for the tiny files (default: the test resources)")
    args = parser.parse_args()
    if args.full:
        clip(FULL, args.full, False)
    elif args.encoder:
        encoder(args.encoder)
    elif args.check:
        check(*args.check)
    else:
        clip(TINY, args.out, True)
        oddities(args.out)
