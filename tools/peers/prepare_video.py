"""Preparation of films by the program ffmpeg, one after the other as the reference does it, and by ours, for comparison of time: the same
filters, the same encoder with the same settings. Needs an ffmpeg program with libopenh264, for instance the one in bytedeco's FFmpeg.

    python tools/peers/prepare_video.py FILM... [--ffmpeg ffmpeg] [--copies 8] [--runs 3]

Ours is the whole command, with the start of Java; with twenty minutes of film that is about a twentieth.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILTERS = "fps=10,crop=w='min(iw,ih)':h='min(iw,ih)',scale=224:224,format=yuv420p"
ENCODER = ["-c:v", "libopenh264", "-g", "5", "-rc_mode", "bitrate", "-qmin", "22", "-qmax", "22"]


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("films", nargs="+", type=pathlib.Path)
    options.add_argument("--ffmpeg", default="ffmpeg")
    options.add_argument("--copies", type=int, default=8, help="of the first film")
    options.add_argument("--runs", type=int, default=3)
    options = options.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        raw, theirs, ours = folder / "raw", folder / "theirs", folder / "ours"
        (raw / "full_scale").mkdir(parents=True)
        (raw / "imu").mkdir()
        theirs.mkdir()
        films = [options.films[0]] * options.copies + options.films[1:]
        for k, film in enumerate(films):
            shutil.copy(film, raw / "full_scale" / f"v{k}.mp4")
        videos = [{"video_uid": f"v{k}", "has_imu": False, "video_metadata": {"video_duration_sec": 1, "audio_start_sec": None}} for k in range(len(films))]
        (raw / "ego4d.json").write_text(json.dumps({"videos": videos}))
        (raw / "narration.json").write_text("{}")

        def peer():
            for k in range(len(films)):
                subprocess.run([options.ffmpeg, "-v", "error", "-y", "-i", raw / "full_scale" / f"v{k}.mp4", "-an", "-vf", FILTERS, *ENCODER,
                                theirs / f"v{k}.mp4"], check=True)

        def own():
            shutil.rmtree(ours, ignore_errors=True)
            subprocess.run([ROOT / "imu2clip", "prepare", "ego4d", raw, ours, "--no-audio", "--no-check"], check=True, capture_output=True)

        own()
        pairs = [(timed(peer), timed(own)) for _ in range(options.runs)]
        a, b = (statistics.median(column) for column in zip(*pairs))
        print(f"{len(films)} films: ffmpeg {a:.2f} s, imu2clip {b:.2f} s: {a / b:.2f} x  " + ", ".join(f"{x:.2f} / {y:.2f}" for x, y in pairs))
        for k in (0, len(films) - 1):
            print(f"v{k}: {(theirs / f'v{k}.mp4').stat().st_size} and {(ours / 'processed_videos' / f'v{k}.mp4').stat().st_size} bytes")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
