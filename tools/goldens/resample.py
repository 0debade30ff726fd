"""Goldens of the sampling-rate conversion: src/test/resources/goldens/resample.json.

torchaudio.functional.resample with its defaults (sinc_interp_hann, lowpass_filter_width 6, rolloff 0.99), written from the
formula of its documentation in float64 PyTorch: a strided convolution with one kernel per output phase.

    python tools/goldens/resample.py
"""
import json
import math
import pathlib

import torch


def resample(x, orig, new, lobes=6, rolloff=0.99):
    g = math.gcd(orig, new)
    orig, new = orig // g, new // g
    f = min(orig, new) * rolloff
    width = math.ceil(lobes * orig / f)
    m = torch.arange(-width, width + orig, dtype=torch.float64) / orig
    phase = torch.arange(0, new, dtype=torch.float64) / new
    t = ((m[None, :] - phase[:, None]) * f).clamp(-lobes, lobes)
    kernel = torch.sinc(t) * torch.cos(t * math.pi / lobes / 2) ** 2 * f / orig
    padded = torch.nn.functional.pad(x, (width, width + orig))
    y = torch.nn.functional.conv1d(padded[None, None], kernel[:, None], stride=orig)[0]
    return y.T.reshape(-1)[: math.ceil(new * len(x) / orig)]


def main():
    generator = torch.Generator().manual_seed(20221014)
    cases = []
    for orig, new, n in [(50, 200, 61), (200, 200, 17), (400, 200, 90), (198, 200, 120), (199, 200, 233), (119, 200, 101), (48, 44, 97), (50, 200, 1)]:
        x = torch.randn(n, generator=generator, dtype=torch.float64).float()
        y = x.double() if orig == new else resample(x.double(), orig, new)
        cases.append({"from": orig, "to": new, "input": x.tolist(), "output": y.float().tolist()})
    target = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/goldens/resample.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


main()
