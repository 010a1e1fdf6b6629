#!/usr/bin/env python3
"""run.py - interleaved boots under several emulators; see run.sh. Arguments NAME=COMMAND: what to compare, the last is
the reference of the ratios (its time divided by the other's: above 1 the other is faster)."""
import argparse
import csv
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'tools'))
import expect  # noqa: E402  (found by the line above)


def run_works(read_line):
    """Times and checksums from the marker lines that read_line() yields as they arrive."""
    out, begin = {}, {}
    while True:
        line = read_line()
        if line is None:
            return out
        words = line.split()
        if words[:1] == ['@begin']:
            begin[words[1]] = time.monotonic()
        elif words[:1] == ['@end']:
            out[words[1]] = (time.monotonic() - begin[words[1]], words[2])


def guest(command, args):
    """One boot: {workload: (seconds, checksum)}"""
    vm = expect.Vm(command.split() + ['-m', '256', '-display', 'none', '-serial', 'stdio', '-kernel', args.kernel,
                                      '-initrd', args.initrd, '-append', 'console=ttyS0 quiet'], args.timeout)
    try:
        out = {'boot': (vm.expect('guest ready'), '')}
        vm.expect('# ')
        vm.send('stty -echo; work; echo @do""ne')
        names = []
        while True:
            vm.expect('@')
            vm.expect('\n')
            line = vm.out[:vm.seen].rstrip().rsplit(b'@', 1)[1].decode()
            now = time.monotonic()
            words = line.split()
            if words[0] == 'begin':
                names.append((words[1], now))
            elif words[0] == 'end':
                out[words[1]] = (now - names[-1][1], words[2])
            elif line == 'done':
                break
        vm.send('poweroff -f')
        vm.exit(0)
        return out
    finally:
        vm.close()


def native(program):
    with subprocess.Popen([program], stdout=subprocess.PIPE, text=True) as proc:
        return run_works(lambda: proc.stdout.readline() or None)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--repeats', type=int, default=3)
    p.add_argument('--timeout', type=float, default=120)
    p.add_argument('--csv')
    p.add_argument('--kernel')
    p.add_argument('--initrd')
    p.add_argument('--native')
    p.add_argument('emulator', nargs='+')
    args = p.parse_args()
    emulators = dict(e.split('=', 1) for e in args.emulator)
    rows = []  # (repeat, emulator, workload, seconds, checksum)
    for i in range(args.repeats):
        for name, command in emulators.items():
            print(f'run {i + 1}/{args.repeats}: {name}', file=sys.stderr)
            rows += [(i, name, work, *result) for work, result in guest(command, args).items()]
        if args.native:
            rows += [(i, 'native', work, *result) for work, result in native(args.native).items()]
    if args.csv:
        with open(args.csv, 'w', newline='', encoding='ascii') as file:
            out = csv.writer(file)
            out.writerow(('repeat', 'emulator', 'workload', 'seconds', 'checksum'))
            out.writerows((a, b, c, f'{d:.4f}', e) for a, b, c, d, e in rows)
    columns = list(emulators) + (['native'] if args.native else [])
    reference, bad = list(emulators)[-1], 0
    print(f'{"":10}' + ''.join(f'{c + " s":>12}' for c in columns) +
          ''.join(f'{"x vs " + reference:>14}' for c in columns if c not in (reference, 'native')))
    for work in dict.fromkeys(r[2] for r in rows):
        med = {c: statistics.median([r[3] for r in rows if r[1] == c and r[2] == work] or [float('nan')]) for c in columns}
        line = f'{work:10}' + ''.join(f'{med[c]:12.3f}' for c in columns)
        line += ''.join(f'{med[reference] / med[c]:14.2f}' for c in columns if c not in (reference, 'native'))
        sums = {r[4] for r in rows if r[2] == work}
        if len(sums) > 1:
            line += f'   DIFFERENT RESULTS {sorted(sums)}'
            bad = 1
        print(line)
    sys.exit(bad)


if __name__ == '__main__':
    main()
