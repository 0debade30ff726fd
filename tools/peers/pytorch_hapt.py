"""The main job in PyTorch, for comparison of time and accuracy: pre-trains mw2 on a prepared data set, then classifies the test windows by
their nearest text. Texts stand for random unit vectors here (a random text tower does little more), so accuracies compare roughly.

    python tools/peers/pytorch_hapt.py DATA [--epochs 30] [--seed 0]
"""
import argparse
import csv
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pytorch_step import Mw2


def windows_of(folder, split, signals):
    uids = set(json.loads((folder / "splits" / f"{split}.json").read_text()))
    x, texts = [], []
    for row in csv.DictReader((folder / "windows.csv").open(encoding="utf-8")):
        uid = row["video_uid"]
        if uid not in uids:
            continue
        if uid not in signals:
            signals[uid] = (np.load(folder / "processed_imu" / f"{uid}.npy"), np.load(folder / "processed_imu" / f"{uid}_timestamps.npy") / 1e3)
        signal, clock = signals[uid]
        start = np.searchsorted(clock, float(row["window_start"]), side="right")
        window = signal[:, start:start + 1000]
        x.append(np.pad(window, ((0, 0), (0, 1000 - window.shape[1]))))
        texts.append(row["text"])
    return torch.from_numpy(np.stack(x).astype(np.float32)), texts


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("data", type=Path)
    options.add_argument("--epochs", type=int, default=30)
    options.add_argument("--seed", type=int, default=0)
    options = options.parse_args()
    started = time.time()
    torch.manual_seed(options.seed)
    signals = {}
    train, train_texts = windows_of(options.data, "training", signals)
    validation, validation_texts = windows_of(options.data, "validation", signals)
    test, test_texts = windows_of(options.data, "test", signals)
    names = sorted(set(train_texts + validation_texts + test_texts))
    features = nn.functional.normalize(torch.randn(len(names), 512), dim=1)
    index = {name: i for i, name in enumerate(names)}
    labels = {key: torch.tensor([index[t] for t in texts]) for key, texts in
              (("train", train_texts), ("validation", validation_texts), ("test", test_texts))}
    encoder, scale = Mw2(), nn.Parameter(torch.tensor(10.0).log())
    adam = torch.optim.Adam([*encoder.parameters(), scale], lr=2e-4)
    ready, diagonal = time.time(), torch.arange(32)

    def loss_of(x, y):
        logits = scale.clamp(max=4.6052).exp() * nn.functional.normalize(encoder(x)) @ features[y].T
        return nn.functional.cross_entropy(logits, diagonal[:len(x)]) + nn.functional.cross_entropy(logits.T, diagonal[:len(x)])

    for _ in range(options.epochs):
        order = torch.randperm(len(train))
        for at in range(0, len(train) - 31, 32):
            adam.zero_grad()
            loss = loss_of(train[order[at:at + 32]], labels["train"][order[at:at + 32]])
            loss.backward()
            adam.step()
        with torch.no_grad():
            for at in range(0, len(validation) - 31, 32):
                loss_of(validation[at:at + 32], labels["validation"][at:at + 32])
    with torch.no_grad():
        predicted = (torch.cat([encoder(part) for part in test.split(64)]) @ features.T).argmax(1)
    end = time.time()
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(), "accuracy": round((predicted == labels["test"]).float().mean().item(), 4),
                      "training_s": round(end - ready, 1), "whole_s": round(end - started, 1)}))


if __name__ == "__main__":
    main()
