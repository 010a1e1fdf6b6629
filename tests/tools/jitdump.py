#!/usr/bin/env python3
"""Read a jitdump file as perf does; compare with a perf map and print how many pieces of code both name.

Usage: jitdump.py DUMP MAP. Format: Linux, tools/perf/Documentation/jitdump-specification.txt.
"""
import struct
import sys

LOAD, CLOSE = 0, 3


def records(data):
    magic, version, size, machine, _, pid, _, _ = struct.unpack_from('<IIIIIIQQ', data)
    assert (magic, version, size) == (0x4A695444, 1, 40), 'head'
    assert machine in (62, 183), f'machine {machine}'
    at, last = size, 0
    while at < len(data):
        kind, total, time = struct.unpack_from('<IIQ', data, at)
        assert total >= 16 and at + total <= len(data), f'record at {at} is cut'
        assert time >= last, f'record at {at} goes back in time'
        yield kind, pid, data[at + 16:at + total]
        at, last = at + total, time


def main():
    with open(sys.argv[2]) as f:
        named = [(int(a, 16), int(n, 16), name) for a, n, name in (line.split(maxsplit=2) for line in f)]
    named = [(a, n, name.rstrip('\n')) for a, n, name in named]
    loads, closed = [], False
    for kind, pid, body in records(open(sys.argv[1], 'rb').read()):
        if kind == CLOSE:
            closed = True
            continue
        assert kind == LOAD and not closed, f'record {kind}'
        rpid, _, vma, addr, size, index = struct.unpack_from('<IIQQQQ', body)
        name, code = body[40:].split(b'\0', 1)
        assert rpid == pid and vma == addr and index == len(loads) and len(code) == size, f'load {index}'
        assert any(code), f'load {index} is empty'
        loads.append((addr, size, name.decode()))
    assert closed, 'no end'
    assert loads == named, 'the map and the dump differ'
    print(len(loads))


main()
