#!/usr/bin/env python3
"""picture.py - read pictures that a machine drew. P6 files only; no packages needed.

picture.py text FILE TEXT       does the picture of a text screen show TEXT? Read with the VGA BIOS's own font.
picture.py read FILE            print the text in the picture
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


def read_text(name):
    width, height, rgb = load(name)
    if (width, height) not in ((720, 400), (640, 400)):
        sys.exit(f'{name}: {width}x{height} is no text screen')
    step = width // 80
    glyphs = {}
    for i, g in enumerate(font()):
        # The inverse is the same letter with the colours the other way round.
        glyphs.setdefault(g, i)
    lines = []
    for y in range(0, 400, 16):
        line = ''
        for x in range(0, width, step):
            rows = cell(rgb, width, x, y, 8)
            colours = {c for r in rows for c in r}
            ch = ' ' if len(colours) == 1 else '\ufffd'
            for back in colours if len(colours) == 2 else ():
                bits = bytes(sum((c != back) << (7 - i) for i, c in enumerate(r)) for r in rows)
                if bits in glyphs:
                    ch = bytes([glyphs[bits]]).decode('cp437')
                    break
            line += ch
        lines.append(line.rstrip())
    return '\n'.join(lines)


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
    if len(args) < 2 or args[0] not in ('text', 'read', 'find', 'pattern', 'screen'):
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
    elif args[0] == 'read':
        print(read_text(args[1]))
    elif args[2] not in read_text(args[1]):
        sys.stderr.write(read_text(args[1]) + '\n')
        sys.exit(f'{args[1]} does not show {args[2]!r}')


if __name__ == '__main__':
    main()
