#!/usr/bin/env python3
"""picture.py - read pictures that a machine drew. P6 files only; no packages needed.

picture.py text FILE TEXT       does the picture of a text screen show TEXT? Read with the VGA BIOS's own font.
picture.py read FILE            print the text in the picture: a VGA text screen, or a console of 8x16 letters on graphics
picture.py changed A B          print "WIDTHxHEIGHT+X+Y", the smallest rectangle outside of which A and B are equal
picture.py find BIG SMALL       is SMALL within BIG, pixel for pixel? Prints its place.
picture.py pattern FILE         write the picture that tests/asm/vbe.S draws
picture.py screen FILE          write the picture of the text screen that tests/asm/text.S shows
Status 0 yes, 1 no.
"""
import glob
import sys

# EGA's sixteen colours as the VGA BIOS loads them, from 6-bit levels 00 15 2A 3F (hex)
LEVEL = {0: 0x00, 1: 0x55, 2: 0xaa, 3: 0xff}


def colour(n):
    if n == 6:
        return bytes((0xaa, 0x55, 0x00))  # brown, not dark yellow
    hi = 1 if n & 8 else 0
    return bytes(LEVEL[2 * (n >> b & 1) + hi] for b in (2, 1, 0))


def load(name):
    """(width, height, rgb bytes) of a binary PPM"""
    with open(name, 'rb') as file:
        data = file.read()
    fields, at = [], 0
    while len(fields) < 4:
        end = at
        while data[end:end + 1].strip():
            end += 1
        word, at = data[at:end], end + 1
        if word.startswith(b'#'):
            at = data.index(b'\n', at - 1) + 1
        elif word:
            fields.append(word)
    if fields[0] != b'P6' or fields[3] != b'255':
        sys.exit(f'{name}: not a P6 picture with 8 bits a channel')
    return int(fields[1]), int(fields[2]), data[at:]


def save(name, width, height, rgb):
    with open(name, 'wb') as file:
        file.write(b'P6\n%d %d\n255\n' % (width, height) + rgb)


def font():
    """256 glyphs of 16 bytes: the 8x16 font in the VGA BIOS, found by its letter A"""
    for name in glob.glob('/usr/share/seabios/vgabios-stdvga.bin'):
        with open(name, 'rb') as file:
            rom = file.read()
        at = rom.find(bytes.fromhex('000010386cc6c6fec6c6c6c600000000'))
        if at >= 65 * 16:
            return [rom[at + (i - 65) * 16:at + (i - 64) * 16] for i in range(256)]
    sys.exit('no VGA BIOS font found')


def cell(rgb, width, x, y, cols):
    """16 rows of @cols pixels as bits: set where the pixel differs from the cell's background"""
    rows = []
    for row in range(16):
        at = ((y + row) * width + x) * 3
        rows.append([rgb[at + 3 * i:at + 3 * i + 3] for i in range(cols)])
    return rows


class Reader:
    """Letters from their pixels. What the font does not have is read as the nearest letter, a dot to the left or right
    too: Linux's font is a relative of the BIOS's."""

    def __init__(self):
        self.known = {}
        for i, glyph in enumerate(font()):
            # The inverse is the same letter with the colours the other way round.
            self.known.setdefault(glyph, bytes([i]).decode('cp437'))
        # as numbers, each also one dot to the left and one to the right
        self.letters = [(int.from_bytes(bytes((row << 1 >> shift) & 255 for row in g), 'big'), c)
                        for g, c in self.known.items() if c.isascii() and c.isprintable() for shift in (0, 1, 2)]

    def nearest(self, bits):
        n = int.from_bytes(bits, 'big')
        distance, letter = min((bin(n ^ g).count('1'), c) for g, c in self.letters)
        self.known[bits] = letter if distance <= 16 else '\ufffd'
        return self.known[bits]

    def letter(self, rows):
        colours = {c for r in rows for c in r}
        if len(colours) == 1:
            return ' '
        if len(colours) != 2:
            return '\ufffd'
        both = [bytes(sum((c != back) << (7 - i) for i, c in enumerate(r)) for r in rows) for back in colours]
        for bits in both:
            if bits in self.known:
                return self.known[bits]
        # the background is what there is more of
        return self.nearest(min(both, key=lambda bits: bin(int.from_bytes(bits, 'big')).count('1')))


def read_text(name):
    width, height, rgb = load(name)
    step = 9 if (width, height) == (720, 400) else 8
    reader, lines = Reader(), []
    for y in range(0, height - 15, 16):
        line = ''
        for x in range(0, width - 7, step):
            line += reader.letter(cell(rgb, width, x, y, 8))
        lines.append(line.rstrip())
    return '\n'.join(lines)


def changed(a, b):
    """(x, y, width, height) of what differs between two pictures, None if nothing does"""
    (aw, ah, ad), (bw, bh, bd) = load(a), load(b)
    if (aw, ah) != (bw, bh):
        sys.exit(f'{a} is {aw}x{ah}, {b} {bw}x{bh}')
    rows = [y for y in range(ah) if ad[y * aw * 3:(y + 1) * aw * 3] != bd[y * aw * 3:(y + 1) * aw * 3]]
    if not rows:
        return None
    columns = [x for y in rows for x in range(aw)
               if ad[(y * aw + x) * 3:(y * aw + x) * 3 + 3] != bd[(y * aw + x) * 3:(y * aw + x) * 3 + 3]]
    return min(columns), rows[0], max(columns) - min(columns) + 1, rows[-1] - rows[0] + 1


def draw_text(cells):
    """The 720x400 picture of 2000 (character, attribute) pairs, nine dots a character, no cursor"""
    glyphs, out = font(), bytearray()
    for y in range(400):
        for x in range(80):
            ch, attr = cells[y // 16 * 80 + x]
            fore, back = colour(attr & 15), colour(attr >> 4 & 7)
            bits = glyphs[ch][y % 16] << 1
            if 0xc0 <= ch <= 0xdf:  # line drawing: the ninth dot repeats the eighth
                bits |= bits >> 1 & 1
            for i in range(8, -1, -1):
                out += fore if bits >> i & 1 else back
    return 720, 400, bytes(out)


def text_screen():
    """What tests/asm/text.S writes: character n & 255, attribute (n / 16) & 7Fh in cell n"""
    return draw_text([(n & 255, n >> 4 & 0x7f) for n in range(2000)])


def vbe_pattern():
    """640x480: red x, green y, blue x ^ y, all modulo 256"""
    out = bytearray()
    for y in range(480):
        for x in range(640):
            out += bytes((x & 255, y & 255, (x ^ y) & 255))
    return 640, 480, bytes(out)


def find(big, small):
    bw, bh, bd = load(big)
    sw, sh, sd = load(small)
    first = sd[:sw * 3]
    at = bd.find(first)
    while at >= 0:
        y, x = divmod(at // 3, bw)
        if at % 3 == 0 and x + sw <= bw and y + sh <= bh and all(
                bd[((y + r) * bw + x) * 3:((y + r) * bw + x + sw) * 3] == sd[r * sw * 3:(r + 1) * sw * 3]
                for r in range(sh)):
            return x, y
        at = bd.find(first, at + 1)
    return None


def main():
    args = sys.argv[1:]
    if len(args) < 2 or args[0] not in ('text', 'read', 'find', 'changed', 'pattern', 'screen'):
        sys.exit(__doc__)
    if args[0] == 'pattern':
        save(args[1], *vbe_pattern())
    elif args[0] == 'screen':
        save(args[1], *text_screen())
    elif args[0] == 'find':
        place = find(args[1], args[2])
        if not place:
            sys.exit(f'{args[2]} is not in {args[1]}')
        print('%d,%d' % place)
    elif args[0] == 'changed':
        box = changed(args[1], args[2])
        if not box:
            sys.exit(f'{args[1]} and {args[2]} show the same')
        print('%dx%d+%d+%d' % (box[2], box[3], box[0], box[1]))
    elif args[0] == 'read':
        print(read_text(args[1]))
    elif args[2] not in read_text(args[1]):
        sys.stderr.write(read_text(args[1]) + '\n')
        sys.exit(f'{args[1]} does not show {args[2]!r}')


if __name__ == '__main__':
    main()
