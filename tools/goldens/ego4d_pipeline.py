#!/usr/bin/env python3
"""The windows and samples that a pipeline in the reference's manner selects from raw Ego4D files, by NumPy alone.

    python tools/goldens/ego4d_pipeline.py RAW_DIR OUT.json

Nothing of the Java code is used: the rules are those of docs/ego4d.md. Two of the reference's defects are left out, as they are there: a
window keeps the rate of its recording (the reference measures each window anew and cuts the rate off after the decimal point), and a
window that cannot be used is left out (the reference trains on zeros). Ego4dPipelineTest makes the raw files from a seed, prepares them
with `--reference-rate`, and compares. The golden is of

    ./imu2clip sample RAW_DIR --ego4d --videos 6 --minutes 0.6 --seed 5
"""
import csv
import json
import math
import string
import sys
from bisect import bisect_left
from pathlib import Path

import numpy as np

RATE, LOBES, ROLL_OFF = 200, 6, 0.99
EXCLUDED = "ec344610-74f4-4765-9c3f-0837ef78055d"
COLUMNS = ["accl_x", "accl_y", "accl_z", "gyro_x", "gyro_y", "gyro_z"]
SHOWN = [0, 500, 999]


def resample(signal, source, target):
    """Windowed sinc with a Hann window, each output from the taps around it; signal (channels, n)."""
    divisor = math.gcd(source, target)
    source, target = source // divisor, target // divisor
    cutoff = min(source, target) * ROLL_OFF
    width = math.ceil(LOBES * source / cutoff)
    taps = np.arange(-width, width + source) / source
    padded = np.pad(signal, ((0, 0), (width, width + source)))
    length = math.ceil(signal.shape[1] * target / source)
    out = np.zeros((signal.shape[0], length))
    for phase in range(target):
        t = np.clip((taps - phase / target) * cutoff, -LOBES, LOBES)
        kernel = np.sinc(t) * np.cos(t * np.pi / LOBES / 2) ** 2 * cutoff / source
        for block, at in enumerate(range(phase, length, target)):
            begin = block * source
            out[:, at] = padded[:, begin:begin + len(kernel)] @ kernel
    return out


def prepare(file):
    """(6, n) at 200 Hz, accelerometer first, and its clock in ms."""
    with open(file, newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["canonical_timestamp_ms"].strip() not in ("", "nan", "NaN")]
    times = np.array([float(row["canonical_timestamp_ms"]) for row in rows])
    order = np.argsort(times, kind="stable")
    signal = np.array([[float(row[c] or "nan") for row in rows] for c in COLUMNS])[:, order]
    signal, times = np.nan_to_num(signal, nan=0.0), times[order]
    rate = int(1000 * (1 / np.mean(np.diff(times))))
    if rate != RATE:
        signal = resample(signal, rate, RATE)
        times = (np.arange(signal.shape[1]) / RATE + times[0] / 1e3) * 1e3
    return signal, times


def block(signal, times, start, end):
    """(6, n) of a window, or None when it cannot be used."""
    start_ms, end_ms = start * 1000, end * 1000
    if start_ms > times[-1] or end_ms > times[-1]:
        return None
    first, last = bisect_left(times, start_ms), bisect_left(times, end_ms)
    if abs(start - times[first] / 1000) > 4 or abs(end - times[last] / 1000) > 4 or last - first < 10:
        return None
    samples = round(end - start) * RATE
    cut = signal[:, first:last][:, :samples]
    return np.pad(cut, ((0, 0), (0, samples - cut.shape[1])))


def clean(text):
    text = text.replace("#C C ", "").replace("#C", "").replace("#unsure", "something")
    return text.strip().strip(string.punctuation).lower()[:128]


def narrated(uid, narrations, duration, w, bad):
    for narration in narrations:
        text, t = narration["narration_text"], float(narration["timestamp_sec"])
        if "#c" not in text.lower():
            continue
        if t <= 2 * w:
            start, end = 0.0, 2 * w
        elif t + 2 * w >= duration:
            start, end = duration - 2 * w, duration
        else:
            start, end = t - w, t + w
        start, end = math.floor(start), math.floor(end)
        if end - start == 2 * w and (uid, float(start), float(end)) not in bad:
            yield start, end, clean(text)


def unlabelled(uid, duration, w, bad):
    for start, end in zip(np.arange(0, duration, w), np.arange(w, duration, w)):
        if (uid, float(start), float(end)) not in bad:
            yield float(start), float(end), ""


def bad_windows(raw, w):
    file = raw / f"bad_imu_windows_{w}.json"
    return {(uid, float(start), float(end)) for uid, start, end in json.loads(file.read_text())} if file.exists() else set()


def main(raw, out):
    videos = {v["video_uid"]: v for v in json.loads((raw / "ego4d.json").read_text())["videos"]}
    narrations = json.loads((raw / "narration.json").read_text())
    signals, result = {}, {"narrated": [], "unlabelled": []}

    def usable(uid):
        return uid in videos and videos[uid]["has_imu"] and uid != EXCLUDED and (raw / "imu" / f"{uid}.csv").exists()

    def add(kind, uid, windows):
        if uid not in signals:
            signals[uid] = prepare(raw / "imu" / f"{uid}.csv")
        for start, end, text in windows:
            samples = block(*signals[uid], start, end)
            if samples is None:
                continue
            result[kind].append({"uid": uid, "start": start, "end": end, "text": text,
                                 "means": [float(f"{x:.9g}") for x in samples.mean(1)],
                                 "samples": [float(f"{x:.9g}") for x in samples[:, SHOWN].ravel()]})

    for uid, video in narrations.items():
        if usable(uid):
            passes = [n for name in ("narration_pass_1", "narration_pass_2") for n in video.get(name, {}).get("narrations", [])]
            add("narrated", uid, narrated(uid, passes, videos[uid]["video_metadata"]["video_duration_sec"], 2.5, bad_windows(raw, 2.5)))
    for uid in videos:
        if usable(uid):
            add("unlabelled", uid, unlabelled(uid, videos[uid]["video_metadata"]["video_duration_sec"], 5.0, bad_windows(raw, 5.0)))
    Path(out).write_text(json.dumps(result, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2])
