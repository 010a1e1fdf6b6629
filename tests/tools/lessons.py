#!/usr/bin/env python3
"""lessons.py - assemble docs/lessons/*.asm with nasm and write NAME.lst beside each, which is what the program embeds.

    lessons.py           write them
    lessons.py --check   status 1 if one is not what its source gives

A listing has a row for each source line of the lesson: address, the bytes it gave (as they are in the image, unlike nasm's own
listing), "|", the line. Bytes of included files stand in rows without "|". frontend/lesson/source.c reads it.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

HOME = pathlib.Path(__file__).resolve().parents[2] / "docs" / "lessons"
ORG = 0x7C00
ROW = 16  # bytes


def rows(start, data, text):
    """One source line: the first row has the text, the rest of its bytes follow."""
    out = []
    for i in range(0, max(len(data), 1), ROW):
        part = data[i:i + ROW]
        where = f"{start + i:04x} {part.hex()}" if part else ""
        out.append(f"{where:<37} |{text}" if i == 0 and text is not None else where)
        if i and text is not None:
            out[-1] = where + " +"
    return [r.rstrip() if r.endswith(" |") else r for r in out]


def listing(source):
    with tempfile.TemporaryDirectory() as tmp:
        image, raw = f"{tmp}/image", f"{tmp}/list"
        subprocess.run(["nasm", "-w+error", "-f", "bin", "-o", image, "-l", raw, source.name], cwd=source.parent, check=True)
        image = pathlib.Path(image).read_bytes()
        raw = pathlib.Path(raw).read_text().splitlines()
    lines = source.read_text().splitlines()
    # Where each source line begins; None: code of %include.
    marks, line, included, seen = [], 0, False, 0
    for r in raw:
        m = re.match(r"\s*\d+(?: ([0-9A-F]{8}) \S+(?: [0-9A-F]+h>)?)?\s*(?:<(\d+)>)?", r)
        if not m:
            continue
        if not m[2] and re.match(r"\s*(\d+)", r):
            n = int(re.match(r"\s*(\d+)", r)[1])
            if n > seen:
                seen, line = n, n
                included = lines[n - 1].startswith("%include")
        if m[1]:
            marks.append((int(m[1], 16), None if included else line))
    spans = {}
    other = []
    for i, (at, n) in enumerate(marks):
        end = marks[i + 1][0] if i + 1 < len(marks) else len(image)
        if n is None:
            other.append((at, image[at:end]))
        else:
            first, data = spans.get(n, (at, b""))
            spans[n] = (first, data + image[at:end])
    out = []
    for n, text in enumerate(lines, 1):
        at, data = spans.get(n, (0, b""))
        out += rows(ORG + at, data, text.expandtabs(8))
        if text.startswith("%include"):
            start, data = other[0][0], b"".join(d for _, d in other)
            out += rows(ORG + start, data, None)
    return "\n".join(out) + "\n"


def main():
    check, wrong = "--check" in sys.argv, 0
    for source in sorted(HOME.glob("*.asm")):
        text, target = listing(source), source.with_suffix(".lst")
        if not check:
            target.write_text(text)
        elif not target.exists() or target.read_text() != text:
            print(f"{target.name} is not what {source.name} gives: run tests/tools/lessons.py", file=sys.stderr)
            wrong = 1
        if len(source.read_text().splitlines()) >= 200:
            print(f"{source.name}: 200 lines or more", file=sys.stderr)
            wrong = 1
    sys.exit(wrong)


main()
