#!/usr/bin/env python3
"""twins.py - what a change costs or gains, on a host that others use too: two machines at once on one processor, each workload in both at
the same time. What the host does then meets both alike, by the millisecond; machines by turns differ by ten times as much. See run.sh.

Prints how much more processor time the first takes than the second: mean of the logarithms' differences and its standard error.
"""
import argparse
import math
import os
import statistics
import sys
import threading

import run

TIMES = 2  # each workload, one behind the other


def both(machines, what):
    """what(machine) of both at once; what one raises is raised"""
    wrong = []

    def one(machine):
        try:
            what(machine)
        except BaseException as e:  # pylint: disable=broad-except
            wrong.append(e)
    threads = [threading.Thread(target=one, args=(m,)) for m in machines]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if wrong:
        raise wrong[0]


class Machine:
    def __init__(self, command, guest, timeout):
        self.vm = run.boot(command, guest, timeout)
        self.took, self.sums = {}, {}

    def to_prompt(self):
        self.vm.expect('guest ready')
        self.took['boot'] = run.cpu_seconds(self.vm.proc.pid)
        self.vm.expect('# ')
        run.timed(self.vm, [run.PREPARE])
        self.vm.expect('# ')

    def work(self, program, work):
        for name, seconds, checksum in run.timed(self.vm, [f'{run.IN_GUEST[program]} {work}'] * TIMES):
            self.took[name] = self.took.get(name, 0) + seconds
            self.sums[name] = checksum
        self.vm.expect('# ')

    def off(self):
        self.vm.send('poweroff -f')
        self.vm.exit(0)


def side_by_side(commands, guest, classes, timeout):
    """[{workload: seconds}] of both"""
    machines = [Machine(c, guest, timeout) for c in commands]
    try:
        both(machines, Machine.to_prompt)
        for program, works in run.programs(classes):
            for work in works:
                both(machines, lambda m, p=program, w=work: m.work(p, w))
        both(machines, Machine.off)
    finally:
        for m in machines:
            m.vm.close()
    if machines[0].sums != machines[1].sums:
        sys.exit(f'the results differ: {machines[0].sums} and {machines[1].sums}')
    return [m.took for m in machines]


def mean_and_error(values):
    return 100 * statistics.mean(values), 100 * statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--repeats', type=int, default=5)
    p.add_argument('--timeout', type=float, default=900)
    p.add_argument('--processor', type=int, default=0)
    p.add_argument('--class', dest='classes', default=','.join(run.CLASSES))
    p.add_argument('--guest', action='append')
    p.add_argument('emulator', nargs=2, help='NAME=COMMAND')
    args = p.parse_args()
    os.sched_setaffinity(0, {args.processor})
    names, commands = zip(*(e.split('=', 1) for e in args.emulator))
    for g in args.guest:
        arch, files = g.split('=', 1)
        guest = dict(zip(('kernel', 'initrd', 'disk', 'directory'), files.split(',')))
        rows = []
        for i in range(args.repeats):
            print(f'run {i + 1}/{args.repeats}: {arch}', file=sys.stderr)
            turn = 1 if i % 2 == 0 else -1
            took = side_by_side([c.replace('QEMU', run.QEMU[arch]) for c in commands[::turn]], guest, args.classes.split(','), args.timeout)[::turn]
            rows.append({w: math.log(took[0][w] / took[1][w]) for w in took[0]})
        print(f'{arch}: processor time of {names[0]} beside {names[1]}, {args.repeats} runs')
        for w in rows[0]:
            print('{:12} {:+6.1f} +-{:4.1f} %'.format(w, *mean_and_error([r[w] for r in rows])))
        print('{:12} {:+6.2f} +-{:4.2f} %'.format('all', *mean_and_error([statistics.mean(r.values()) for r in rows])), flush=True)


if __name__ == '__main__':
    main()
