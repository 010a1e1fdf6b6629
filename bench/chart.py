"""chart.py - a bar chart of ratios on a logarithmic scale, as SVG."""
import math
from xml.sax.saxutils import escape

COLOURS = ('#2f6db5', '#e08a1e', '#4c9a52', '#a0488f')
LEFT, WIDTH, BAR, GAP, TOP = 90, 560, 13, 9, 58


def write(name, title, groups):
    """groups: [(label, {series: ratio or None})]"""
    series = list(dict.fromkeys(s for _, bars in groups for s in bars))
    top = max([r for _, bars in groups for r in bars.values() if r] + [2.0])
    low = min([r for _, bars in groups for r in bars.values() if r] + [0.5])
    decades = math.log10(top / low)

    def x(ratio):
        return LEFT + WIDTH * math.log10(ratio / low) / decades

    height = TOP + sum(len(series) * BAR + GAP for _ in groups) + 10
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 70}" height="{height}" '
           'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="10" y="20" font-size="14">{escape(title)}</text>']
    for i, s in enumerate(series):
        out.append(f'<rect x="{LEFT + 130 * i}" y="30" width="12" height="12" fill="{COLOURS[i % 4]}"/>'
                   f'<text x="{LEFT + 130 * i + 17}" y="41">{escape(s)}</text>')
    for tick in (0.5, 1, 2, 3, 5, 10, 20, 50, 100, 200):
        if low <= tick <= top:
            stroke = '#000' if tick == 1 else '#ccc'
            out.append(f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{TOP - 3}" y2="{height - 8}" stroke="{stroke}"/>'
                       f'<text x="{x(tick):.1f}" y="{TOP - 5}" font-size="9" text-anchor="middle">{tick}</text>')
    y = TOP
    for label, bars in groups:
        out.append(f'<text x="{LEFT - 8}" y="{y + len(series) * BAR / 2 + 4:.0f}" text-anchor="end">{escape(label)}</text>')
        for i, s in enumerate(series):
            ratio = bars.get(s)
            if ratio:
                a, b = sorted((x(1), x(ratio)))
                out.append(f'<rect x="{a:.1f}" y="{y}" width="{max(b - a, 1):.1f}" height="{BAR - 2}" '
                           f'fill="{COLOURS[i % 4]}"/><text x="{b + 4:.1f}" y="{y + BAR - 3}">{ratio:.2f}</text>')
            y += BAR
        y += GAP
    out.append('</svg>')
    with open(name, 'w', encoding='utf-8') as file:
        file.write('\n'.join(out) + '\n')
