#!/usr/bin/env python3
"""A tiny whole CLIP as a folder that every command takes, three pictures, and what transformers' CLIPModel makes of them.

    python tools/goldens/clip_tiny.py      # writes src/test/resources/goldens/clip_tiny

Needs torch, transformers, safetensors, Pillow. The model: 1 block a tower, width 64, 1 head, QuickGELU, pictures of 32 x 32 in patches of 16,
vocabulary of the 512 byte tokens and the two special ones without merges, 77 positions, projection 16; weights stored as float16.

model.safetensors, config.json, vocab.json, merges.txt   the model
wide.png, tall.png, grey.jpg                             pictures, resized and cropped by Pillow as torchvision does it for PIL images
expected.json                                            computed in float64:
    images         embeddings of the pictures by name, not normalised
    logit_scale    exp of the tensor
    labels, templates, probabilities (pictures x labels): CLIPModel's logits_per_image.softmax(-1) of the texts, of one template
    ensemble       the same with the embeddings of all templates averaged, as section 3.1.4 of the paper describes it
"""
import json
import math
import os

import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "..", "src", "test", "resources", "goldens", "clip_tiny")
WIDTH, PROJECTION, SIZE, PATCH, POSITIONS = 64, 16, 32, 16, 77
LABELS = ["dog", "cat", "a red square"]
TEMPLATES = ["a photo of a {}", "{} in a drawing", "{}"]
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def vocabulary():
    """OpenAI's byte symbols: printable bytes are themselves, the others follow from 256 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    symbols = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]
    tokens = symbols + [s + "</w>" for s in symbols] + ["<|startoftext|>", "<|endoftext|>"]
    return {token: i for i, token in enumerate(tokens)}


def tokenize(text, ids):
    """Without merges a word is its bytes; enough for plain lower-case words."""
    tokens = [ids["<|startoftext|>"]]
    for word in text.split():
        tokens += [ids[c] for c in word[:-1]] + [ids[word[-1] + "</w>"]]
    return torch.tensor([tokens + [ids["<|endoftext|>"]]])


def model(vocabulary_size):
    def tower(**more):
        return dict(hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=1, num_attention_heads=1, hidden_act="quick_gelu",
                    projection_dim=PROJECTION, layer_norm_eps=1e-5, **more)
    result = CLIPModel(CLIPConfig(projection_dim=PROJECTION, logit_scale_init_value=math.log(5),
                                  text_config=tower(vocab_size=vocabulary_size, max_position_embeddings=POSITIONS, bos_token_id=0, eos_token_id=2,
                                                    pad_token_id=1),
                                  vision_config=tower(image_size=SIZE, patch_size=PATCH))).eval()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in result.named_parameters():
            normal = torch.randn(parameter.shape, generator=generator)
            if name == "logit_scale":
                value = parameter
            elif "norm" in name or "layrnorm" in name:
                value = 0.1 * normal + name.endswith("weight")
            elif name.endswith("bias"):
                value = 0.02 * normal
            elif parameter.dim() < 2 or "embedding.weight" in name and "patch" not in name:
                value = 0.1 * normal
            else:
                value = normal * parameter[0].numel() ** -0.5
            parameter.copy_(value.half())
    return result


def pictures():
    def gradient(width, height, f):
        image = Image.new("RGB", (width, height))
        image.putdata([f(x / width, y / height) for y in range(height) for x in range(width)])
        return image
    yield "wide.png", gradient(70, 40, lambda x, y: (int(255 * x), int(255 * y), int(255 * (x - 0.5) ** 2)))
    yield "tall.png", gradient(33, 90, lambda x, y: (220, 30, 30) if (int(8 * x) + int(16 * y)) % 2 else (20, 20, int(250 * y)))
    yield "grey.jpg", gradient(48, 48, lambda x, y: (int(255 * abs(math.sin(9 * x * y))),) * 3).convert("L")


def preprocess(file):
    image = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    width, height = image.size
    short = min(width, height)
    image = image.resize((int(SIZE * width / short), int(SIZE * height / short)), Image.BICUBIC)
    left, top = round((image.width - SIZE) / 2.0), round((image.height - SIZE) / 2.0)
    image = image.crop((left, top, left + SIZE, top + SIZE))
    pixels = torch.tensor(list(image.get_flattened_data()), dtype=torch.float32).reshape(SIZE, SIZE, 3).permute(2, 0, 1) / 255
    return (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def main():
    os.makedirs(OUT, exist_ok=True)
    ids = vocabulary()
    clip = model(len(ids))
    save_file({k: v.half().contiguous() for k, v in clip.state_dict().items() if not k.endswith("position_ids")},
              os.path.join(OUT, "model.safetensors"), metadata={"format": "pt"})
    sections = {s: {"num_attention_heads": 1, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5} for s in ("text_config", "vision_config")}
    with open(os.path.join(OUT, "config.json"), "w") as f:
        json.dump(sections, f)
    with open(os.path.join(OUT, "vocab.json"), "w") as f:
        json.dump(ids, f)
    with open(os.path.join(OUT, "merges.txt"), "w") as f:
        f.write("#version: 0.2\n")

    stored = load_file(os.path.join(OUT, "model.safetensors"))
    clip.load_state_dict({k: v.float() for k, v in stored.items()}, strict=False)
    clip = clip.double()
    names = []
    for name, image in pictures():
        names.append(name)
        image.save(os.path.join(OUT, name), **({"quality": 95} if name.endswith("jpg") else {}))
    pixels = torch.stack([preprocess(os.path.join(OUT, name)) for name in names]).double()

    def text(t):
        # One text a call, so that no padding is needed.
        return clip(input_ids=tokenize(t, ids), pixel_values=pixels, return_dict=True)
    with torch.no_grad():
        scale = clip.logit_scale.exp()
        first = [text(TEMPLATES[0].format(label)) for label in LABELS]
        images = clip.visual_projection(clip.vision_model(pixels).pooler_output)
        probabilities = torch.cat([out.logits_per_image for out in first], 1).softmax(-1)
        units = torch.nn.functional.normalize(
            torch.stack([torch.stack([text(t.format(label)).text_embeds[0] for t in TEMPLATES]).mean(0) for label in LABELS]), dim=-1)
        ensemble = (scale * torch.nn.functional.normalize(images, dim=-1) @ units.T).softmax(-1)
    with open(os.path.join(OUT, "expected.json"), "w") as f:
        json.dump({"images": dict(zip(names, images.tolist())), "logit_scale": scale.item(), "labels": LABELS, "templates": TEMPLATES,
                   "probabilities": probabilities.tolist(), "ensemble": ensemble.tolist()}, f, indent=1)
        f.write("\n")
    print(probabilities, ensemble, sep="\n")


main()
