#!/usr/bin/env python3
"""timeline_svg.py - a picture of part of a timeline, where there is no network for Perfetto's own viewer.

Usage: protoc --decode=Trace trace.proto <TRACE | timeline_svg.py FROM TO [TRACK...] >PICTURE.svg
FROM and TO are seconds of guest time; TRACK: tracks whose names begin so (default: all that show something).
"""
import sys
from xml.sax.saxutils import escape

import timeline

WIDTH, LEFT, ROW = 1200, 260, 22
COLOURS = ['#4477aa', '#66ccee', '#228833', '#ccbb44', '#ee6677', '#aa3377', '#888888']


def main():
    lo, hi = (float(x) * 1e9 for x in sys.argv[1:3])
    wanted = tuple(sys.argv[3:])
    names, stacks, slices, points, flows, arrows = {}, {}, {}, {}, {}, []
    for p in timeline.packets(sys.stdin):
        if 'uuid' in p:
            names[p['uuid'][0]] = p['name'][0]
            continue
        at, track, kind = int(p['timestamp'][0]), p['track_uuid'][0], p['type'][0]
        name = p['name'][0] if 'name' in p else ''
        if kind == 'SLICE_BEGIN':
            stacks.setdefault(track, []).append((at, name))
        elif kind == 'SLICE_END':
            start, name = stacks[track].pop()
            if start < hi and at > lo:
                slices.setdefault(track, []).append((max(start, lo), min(at, hi), name, len(stacks[track])))
        elif kind == 'INSTANT' and lo <= at <= hi:
            points.setdefault(track, []).append((at, name))
        for f in p['flow_ids']:
            flows[f] = (at, track)
        for f in p['terminating_flow_ids']:
            if lo <= at <= hi and flows[f][0] >= lo:
                arrows.append((flows[f], (at, track)))
    rows, y = {}, 30
    for t in names:
        if (t in slices or t in points) and (not wanted or names[t].startswith(wanted)):
            rows[t] = y
            y += ROW * (1 + max((s[3] for s in slices.get(t, [])), default=0)) + 6

    def x(at):
        return LEFT + (at - lo) / (hi - lo) * (WIDTH - LEFT)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" font-family="sans-serif" font-size="12">')
    print(f'<rect width="{WIDTH}" height="{y}" fill="white"/><text x="{LEFT}" y="18">{lo / 1e9:.6f} s</text>')
    print(f'<text x="{WIDTH}" y="18" text-anchor="end">{hi / 1e9:.6f} s</text>')
    for t, top in rows.items():
        print(f'<text x="4" y="{top + 15}">{escape(names[t])}</text><line x1="0" x2="{WIDTH}" y1="{top - 3}" y2="{top - 3}" stroke="#ddd"/>')
        for start, end, name, depth in slices.get(t, []):
            wide = max(x(end) - x(start), 1)
            print(f'<rect x="{x(start):.1f}" y="{top + depth * ROW}" width="{wide:.1f}" height="{ROW - 2}" '
                  f'fill="{COLOURS[sum(name.encode()) % len(COLOURS)]}"><title>{escape(name)}</title></rect>')
            if wide > 7 * len(name):
                print(f'<text x="{x(start) + 3:.1f}" y="{top + depth * ROW + 15}" fill="white">{escape(name)}</text>')
        for at, name in points.get(t, []):
            print(f'<circle cx="{x(at):.1f}" cy="{top + 10}" r="3" fill="#333"><title>{escape(name)}</title></circle>')
    for (a, from_), (b, to) in arrows:
        if from_ in rows and to in rows:
            print(f'<line x1="{x(a):.1f}" y1="{rows[from_] + 10}" x2="{x(b):.1f}" y2="{rows[to] + 10}" stroke="#c00"/>')
    print('</svg>')


if __name__ == '__main__':
    sys.stdin.reconfigure(errors='replace')
    main()
