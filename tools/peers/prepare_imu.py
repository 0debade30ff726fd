"""Preparation of motion in pandas, numpy and PyTorch, for comparison of time: csv to 200 Hz npy, step by step as the reference does it
(read_csv, rows without a time dropped, sorted, gaps filled with 0, resampled by torchaudio's formula, saved). It makes its csv files itself.

    python tools/peers/prepare_imu.py [--files 6] [--minutes 10] [--runs 5] [--folder DIR] [--java]

--java also runs our program on the same files, in turn with the above, and compares the results. Its time is that of the whole command,
with the start of Java, where that of the others leaves out their start: with --files 60, ten hours of motion, the starts matter little.
"""
import argparse
import json
import math
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import numpy as np
import pandas as pd
import torch

CHANNELS = ["accl_x", "accl_y", "accl_z", "gyro_x", "gyro_y", "gyro_z"]
COLUMNS = ["component_idx", "component_timestamp_ms", "canonical_timestamp_ms", "gyro_x", "gyro_y", "gyro_z", "accl_x", "accl_y", "accl_z"]


def make(folder, files, minutes):
    """A clock of 200 Hz with jitter, a row in a thousand without a canonical time, numbers as single precision prints them."""
    (folder / "imu").mkdir(parents=True)
    n = round(minutes * 60 * 200)
    for k in range(files):
        rng = np.random.default_rng(k)
        clock = np.round(np.arange(n) * 5 + rng.normal(0, 0.1, n), 6)
        table = pd.DataFrame({"component_idx": 0, "component_timestamp_ms": clock, "canonical_timestamp_ms": clock})
        table.loc[rng.random(n) < 0.001, "canonical_timestamp_ms"] = np.nan
        for name in COLUMNS[3:]:
            table[name] = rng.normal(0, 3, n).astype(np.float32)
        table.to_csv(folder / "imu" / f"v{k}.csv", index=False)
    seconds = minutes * 60
    videos = [{"video_uid": f"v{k}", "has_imu": True, "video_metadata": {"video_duration_sec": seconds, "audio_start_sec": None}} for k in range(files)]
    (folder / "ego4d.json").write_text(json.dumps({"videos": videos}))
    (folder / "narration.json").write_text("{}")


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
    y = torch.nn.functional.conv1d(padded[:, None], kernel[:, None], stride=orig)
    return y.transpose(1, 2).reshape(len(x), -1)[:, : math.ceil(new * x.shape[1] / orig)]


def prepare(csv, out):
    table = pd.read_csv(csv)
    table = table.dropna(subset=["canonical_timestamp_ms"]).sort_values(by=["canonical_timestamp_ms"])
    signal = np.array([table[name].fillna(0).to_numpy() for name in CHANNELS])
    clock = table["canonical_timestamp_ms"].to_numpy()
    rate = int(1000 * (1 / np.mean(np.diff(clock))))
    if rate != 200:
        signal = resample(torch.from_numpy(signal), rate, 200).numpy()
        clock = clock[0] + np.arange(signal.shape[1]) * 5.0
    np.save(out / f"{csv.stem}.npy", signal)
    np.save(out / f"{csv.stem}_timestamps.npy", clock)


def peer(source, target):
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    start = time.perf_counter()
    for csv in sorted((source / "imu").glob("*.csv")):
        prepare(csv, target)
    return time.perf_counter() - start


def ours(source, target):
    shutil.rmtree(target, ignore_errors=True)
    launcher = pathlib.Path(__file__).resolve().parents[2] / "imu2clip"
    start = time.perf_counter()
    subprocess.run([launcher, "prepare", "ego4d", source, target, "--no-video", "--no-audio", "--reference-rate"], check=True, capture_output=True)
    return time.perf_counter() - start


def difference(a, b):
    worst = 0
    for file in sorted(a.glob("*.npy")):
        x, y = np.load(file), np.load(b / file.name)
        assert x.shape == y.shape, f"{file.name}: {x.shape} and {y.shape}"
        worst = max(worst, np.abs(x - y).max())
    return worst


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--files", type=int, default=6)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--folder", type=pathlib.Path)
    options.add_argument("--java", action="store_true")
    options = options.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(dir=options.folder))
    try:
        make(folder / "raw", options.files, options.minutes)
        size = sum(file.stat().st_size for file in (folder / "raw" / "imu").iterdir())
        print(f"{options.files} files, {options.files * options.minutes:g} minutes, {size / 1e6:.0f} MB; pandas {pd.__version__}, numpy {np.__version__}, "
              f"PyTorch {torch.__version__} on {torch.get_num_threads()} threads")
        times, java = [], []
        for _ in range(options.runs):
            times.append(peer(folder / "raw", folder / "peer"))
            if options.java:
                java.append(ours(folder / "raw", folder / "ours"))
        print(f"pandas, numpy, PyTorch: {statistics.median(times):.3f} s")
        if options.java:
            print(f"imu2clip, the whole command: {statistics.median(java):.3f} s")
            print(f"greatest difference: {difference(folder / 'peer', folder / 'ours' / 'processed_imu'):.2g}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
