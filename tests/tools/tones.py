#!/usr/bin/env python3
"""tones.py - the tones in a WAV file: one line each, START SECONDS HERTZ LEFT-PEAK RIGHT-PEAK.

Usage: tones.py FILE [HERTZ SECONDS LEFT RIGHT]...
With expectations it fails unless the file has these tones in this order: frequency to 1 %, length to 5 % and 20 ms, peaks to 10 %.
"""
import array
import sys
import wave

GAP = 0.01      # seconds of silence that end a tone
SHORT = 0.005   # what is shorter is no tone: a card plays its ring on until the driver has stopped it
QUIET = 100


def tones(path):
    with wave.open(path) as w:
        if (w.getnchannels(), w.getsampwidth()) != (2, 2):
            sys.exit(f'{path}: not 16 bits stereo')
        rate, data = w.getframerate(), array.array('h', w.readframes(w.getnframes()))
    left, right = data[0::2], data[1::2]
    loud = [i for i in range(len(left)) if abs(left[i]) > QUIET or abs(right[i]) > QUIET]
    parts, gap = [], int(GAP * rate)
    for i in loud:
        if parts and i - parts[-1][1] <= gap:
            parts[-1][1] = i
        else:
            parts.append([i, i])
    for a, b in parts:
        if b - a < SHORT * rate:
            continue
        rises, high = [], False
        top = max(abs(v) for v in left[a:b + 1]) or 1
        for i in range(a, b + 1):  # with hysteresis: noise does not count
            if high and left[i] < -top / 4:
                high = False
            elif not high and left[i] > top / 4:
                high = True
                rises.append(i)
        hertz = (len(rises) - 1) * rate / (rises[-1] - rises[0]) if len(rises) > 2 else 0
        yield a / rate, (b - a + 1) / rate, hertz, max(left[a:b + 1]), max(right[a:b + 1])


def main():
    found = list(tones(sys.argv[1]))
    for t in found:
        print('%.3f %.3f %.1f %d %d' % t)
    want = [float(x) for x in sys.argv[2:]]
    want = [want[i:i + 4] for i in range(0, len(want), 4)]
    if not want:
        return
    if len(found) != len(want):
        sys.exit(f'{len(found)} tones, not {len(want)}')
    for (_, seconds, hertz, *peaks), (hz, s, *tops) in zip(found, want):
        if abs(hertz - hz) > hz / 100 or abs(seconds - s) > s / 20 + 0.02:
            sys.exit(f'a tone of {hertz:.1f} Hz for {seconds:.3f} s, not {hz} for {s}')
        if any(abs(p - t) > t / 10 + 50 for p, t in zip(peaks, tops)):
            sys.exit(f'peaks {peaks}, not {tops}')


if __name__ == '__main__':
    main()
