#!/usr/bin/env python3
"""Writes HTML 5's named character references (a table of the standard, as the Python library carries it) for HtmlEntities.

    python3 tools/html_entities.py > src/main/resources/dev/imu2clip/clip/html5-entities.txt

One line an entity: its name, with the semicolon where it needs one, a space, and its UTF-16 code units in hexadecimal.
"""
from html.entities import html5

for name in sorted(html5):
    units = html5[name].encode("utf-16-be").hex()
    print(name, units)
