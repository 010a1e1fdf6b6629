#!/usr/bin/env python3
"""run.py - interleaved runs of the same guests under several emulators and natively; see run.sh.

Time is processor time of the whole emulator (all threads, user and system), read when a marker line arrives on the
serial line; that the guest computes all the time is part of the workloads. boot-wall is the boot by the clock on the wall. The first
emulator is ours, the others are what it is compared with.
"""
import argparse
import csv
import math
import os
import resource
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'tools'))
import chart  # noqa: E402  (found by the line above)
import expect  # noqa: E402

# class: (program in the guest, its workloads)
CLASSES = {'boot': (None, ['boot']), 'wall': (None, ['boot-wall']), 'integer': ('work', ['integer']), 'calls': ('work', ['calls', 'indirect']),
           'memory': ('work', ['sieve', 'chase']), 'strings': ('work', ['strings']), 'x87': ('work', ['x87']),
           'sse': ('work', ['sse', 'sseint']), 'avx': ('work', ['avx', 'avxint']),
           'os': ('os', ['syscall', 'pipe', 'switch', 'fault', 'fork', 'exec', 'signal']),
           'newcode': ('os', ['jit', 'patch', 'newcode']), 'toggle': ('os', ['toggle']), 'devices': ('os', ['port', 'mmio', 'disk']),
           'real': ('real', ['7z', 'xz', 'openssl', 'python', 'perl', 'lua', 'sqlite', 'gcc', 'awk', 'shell'])}
SUMS = {'integer, calls, memory, strings': ['integer', 'calls', 'memory', 'strings'], 'x87, sse': ['x87', 'sse']}
# how each program is started: in the guest; natively, {} being the directory with the guest's files
IN_GUEST = {'work': 'work', 'os': 'os', 'real': 'chroot /mnt /bin/sh /opt/bench/real'}
NATIVELY = {'work': '{}/bin/work', 'os': '{}/bin/os', 'real': 'chroot {}/root /bin/sh /opt/bench/real'}
PREPARE = 'stty -echo; if [ -d /mnt/opt ]; then mkdir -p /mnt/opt/bench; cp /bench/* /mnt/opt/bench; mount -t proc proc /mnt/proc; fi'
NOT_NATIVE = CLASSES['devices'][1]
BITS = {'i386': 32, 'amd64': 64}
QEMU = {'i386': 'qemu-system-i386', 'amd64': 'qemu-system-x86_64'}


def cpu_seconds(pid):
    """Processor time of all its threads so far; threads that ended are not in it."""
    total = 0
    for task in os.listdir(f'/proc/{pid}/task'):
        try:
            with open(f'/proc/{pid}/task/{task}/schedstat', encoding='ascii') as file:
                total += int(file.read().split()[0])
        except FileNotFoundError:
            pass
    return total / 1e9


def peak_kib(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('VmHWM:'))


def programs(classes):
    """[(program, its workloads)], one item for each class"""
    return [CLASSES[c] for c in classes if CLASSES[c][0]]


def boot(command, guest, timeout):
    return expect.Vm(command.split() + ['-m', '384', '-display', 'none', '-serial', 'stdio', '-kernel', guest['kernel'],
                                        '-initrd', guest['initrd'], '-drive',
                                        f'file={guest["disk"]},format=raw,snapshot=on',
                                        '-append', 'console=ttyS0 quiet disk=/dev/sda1'], timeout)


def timed(vm, commands):
    """[(workload, seconds, checksum)] of what the guest's shell is given, as it ends"""
    begin, out = {}, []
    vm.send('; '.join([*commands, 'echo @do""ne']))
    while True:
        vm.expect('@')
        vm.expect('\n')
        now = cpu_seconds(vm.proc.pid)
        words = vm.out[:vm.seen].rstrip().rsplit(b'@', 1)[1].decode().split()
        if words[0] == 'begin':
            begin[words[1]] = now
        elif words[0] == 'end':
            out.append((words[1], now - begin[words[1]], words[2]))
        elif words[0] == 'done':
            return out


def run_guest(command, guest, classes, timeout):
    """One boot and the workloads: {workload: (seconds, checksum)}, peak memory in KiB"""
    start = time.monotonic()
    vm = boot(command, guest, timeout)
    out = {}
    try:
        vm.expect('guest ready')
        if 'boot' in classes:
            out['boot'] = (cpu_seconds(vm.proc.pid), '')
            out['boot-wall'] = (time.monotonic() - start, '')
        vm.expect('# ')
        runs = [f'{IN_GUEST[program]} {" ".join(works)}' for program, works in programs(classes)]
        out.update((work, (seconds, checksum)) for work, seconds, checksum in timed(vm, [PREPARE, *runs]))
        peak = peak_kib(vm.proc.pid)
        vm.send('poweroff -f')
        vm.exit(0)
        return out, peak
    finally:
        vm.close()


def run_native(directory, classes):
    out = {}
    for program, works in programs(classes):
        for work in works:
            if work in NOT_NATIVE:
                continue
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            text = subprocess.run([*NATIVELY[program].format(directory).split(), work], stdout=subprocess.PIPE, text=True,
                                  check=True).stdout
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            out[work] = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, text.split()[-1])
    return out


def geomean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values)) if values else float('nan')


class Results:
    """All measurements; medians and ratios of them."""

    def __init__(self):
        self.rows = []  # (repeat, guest, emulator, workload, seconds, checksum)
        self.peaks = []  # (repeat, guest, emulator, KiB)

    def median(self, guest, emulator, work):
        found = [r[4] for r in self.rows if r[1:4] == (guest, emulator, work)]
        return statistics.median(found) if found else None

    def ratio(self, guest, work, above, below):
        a, b = self.median(guest, above, work), self.median(guest, below, work)
        return a / b if a and b else None

    def works(self, guest):
        return list(dict.fromkeys(r[3] for r in self.rows if r[1] == guest))

    def wrong(self, guest, work):
        return sorted({r[5] for r in self.rows if r[1] == guest and r[3] == work})[1:]

    def peak(self, guest, emulator):
        return statistics.median([r[3] for r in self.peaks if r[1:3] == (guest, emulator)]) / 1024


def number(x, form='10.2f'):
    return format(x, form) if x is not None else ' ' * int(form.split('.')[0])


def report(res, guest, names):
    ours, refs = names[0], names[1:]
    columns = names + ['native']
    bad = False
    print(f'\n{guest + " guest":36}' + ''.join(f'{c + " s":>12}' for c in columns) +
          ''.join(f'{"x " + r:>12}' for r in refs) + f'{"/ native":>10}')
    for work in res.works(guest):
        line = f'{work:36}' + ''.join(number(res.median(guest, c, work), '12.3f') for c in columns)
        line += ''.join(number(res.ratio(guest, work, r, ours), '12.2f') for r in refs)
        line += number(res.ratio(guest, work, ours, 'native'))
        if res.wrong(guest, work):
            line += '   DIFFERENT RESULTS'
            bad = True
        print(line)
    sums = [(c, works) for c, (_, works) in CLASSES.items()]
    sums += [(title, [w for c in classes for w in CLASSES[c][1]]) for title, classes in SUMS.items()]
    for title, works in sums:
        gains = [[res.ratio(guest, w, r, ours) for w in works] for r in refs]
        costs = [res.ratio(guest, w, ours, 'native') for w in works]
        if all(all(g) for g in gains):
            print(f'geometric mean: {title:{36 - 16 + 12 * len(columns)}}' +
                  ''.join(number(geomean(g), '12.2f') for g in gains) + number(geomean(costs) if all(costs) else None))
    print('peak memory, MiB: ' + ', '.join(f'{n} {res.peak(guest, n):.0f}' for n in names))
    return bad


def bars_of(res, guests, names, work):
    """A group of the chart: a bar for each width and each emulator that we are compared with"""
    ours, refs = names[0], names[1:]
    return {f'{BITS[g]} bits' + (f', {r}' if len(refs) > 1 else ''): res.ratio(g, work, r, ours) for g in guests for r in refs}


def measure(args, guests, emulators):
    res = Results()
    for i in range(args.repeats):
        for name, guest in guests.items():
            for emulator, command in emulators.items():
                print(f'run {i + 1}/{args.repeats}: {name} under {emulator}', file=sys.stderr)
                out, peak = run_guest(command.replace('QEMU', QEMU[name]), guest, args.classes, args.timeout)
                res.rows += [(i, name, emulator, work, *result) for work, result in out.items()]
                res.peaks.append((i, name, emulator, peak))
            native = run_native(guest['directory'], args.classes)
            res.rows += [(i, name, 'native', work, *result) for work, result in native.items()]
    return res


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--repeats', type=int, default=5)
    p.add_argument('--timeout', type=float, default=300)
    p.add_argument('--csv')
    p.add_argument('--svg')
    p.add_argument('--class', dest='classes', default=','.join(CLASSES), help='of ' + ','.join(CLASSES))
    p.add_argument('--guest', action='append', help='i386|amd64=KERNEL,INITRD,DISK,DIRECTORY')
    p.add_argument('emulator', nargs='+', help='NAME=COMMAND; QEMU in it stands for the emulator of that guest')
    args = p.parse_args()
    args.classes = args.classes.split(',')
    guests = {k: dict(zip(('kernel', 'initrd', 'disk', 'directory'), v.split(',')))
              for k, v in (g.split('=', 1) for g in args.guest)}
    emulators = dict(e.split('=', 1) for e in args.emulator)
    res = measure(args, guests, emulators)
    if args.csv:
        with open(args.csv, 'w', newline='', encoding='ascii') as file:
            out = csv.writer(file)
            out.writerow(('repeat', 'guest', 'emulator', 'workload', 'cpu_seconds', 'checksum'))
            out.writerows((*r[:4], f'{r[4]:.4f}', r[5]) for r in res.rows)
    names = list(emulators)
    if args.svg:
        bars = [(work, bars_of(res, guests, names, work)) for work in res.works(next(iter(guests)))]
        title = f'Times as fast as {" and ".join(names[1:])} (processor time, median of {args.repeats})'
        chart.write(args.svg, title, bars)
    sys.exit(any([report(res, g, names) for g in guests]))


if __name__ == '__main__':
    main()
