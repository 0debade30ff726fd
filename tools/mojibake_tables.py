#!/usr/bin/env python3
"""Writes the character tables of text repair for Mojibake and Badness, as ftfy 6.3.1 (Robyn Speer, Apache-2.0) has them.

    python tools/mojibake_tables.py > src/main/resources/dev/imu2clip/clip/mojibake.txt

Needs ftfy. A line `class NAME` lists ranges of characters, `charset NAME` what byte 1A and the bytes 80 to FF stand for; the other bytes
stand for themselves. The charsets come in the order in which they are tried.
"""
import re

import ftfy
from ftfy.badness import MOJIBAKE_CATEGORIES
from ftfy.chardata import CHARMAP_ENCODINGS, UTF8_CLUES


def ranges(members):
    found = [c for c in range(0x10000) if re.match(f"[{members}]", chr(c))]
    starts = [c for c in found if c - 1 not in found]
    ends = [c for c in found if c + 1 not in found]
    return " ".join(f"{a:04X}" if a == b else f"{a:04X}-{b:04X}" for a, b in zip(starts, ends))


print(f"# Written by tools/mojibake_tables.py from ftfy {ftfy.__version__} (Apache-2.0).")
for name, members in {**MOJIBAKE_CATEGORIES, **UTF8_CLUES}.items():
    print("class", name, ranges(members))
leads = [set(UTF8_CLUES[f"utf8_first_of_{n}"]) for n in (2, 3, 4)]
assert not leads[0] & leads[1] and not leads[0] & leads[2] and not leads[1] & leads[2]
for name in CHARMAP_ENCODINGS:
    chars = bytes([0x1A, *range(0x80, 0x100)]).decode(name)
    assert len(set(chars)) == 129 and min(chars[1:]) >= "\x80", name
    print("charset", name, " ".join(f"{ord(c):04X}" for c in chars))
