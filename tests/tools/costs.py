#!/usr/bin/env python3
"""costs.py - what the trap log, instruction counts and the timeline cost: an unmodified amd64 Linux boots and runs workloads
of bench/guest, in turns with each of them off and on. Processor time, user and system, of the thread that runs the guest, which is how
long the guest waits, and of the whole emulator with the timeline's writer.

Runs differ by 5 % and more for no reason but where the translations happen to lie, so there is another way of it. --switched N: in each of
N machines the monitor's 'trap-log' and 'trace' switch between the modes, around every one of many short runs of a workload. What the log
itself costs is then the difference of two runs of the same translations. (With counts they are others, in the same machine.)

--sampled: perf tells how much of the guest's thread is spent in the functions that keep the log and the timeline, in those of system calls, which
write their entries inline, and in asking for the time: the difference to the log off is what they cost directly. It does not see what
counting in translated code does, nor what is slower because caches are fuller; but a busy machine changes it little.

--metered: time by tests/tools/meter.py, for hosts shared with others; repeats then differ by some 5 % instead of by half.

Usage: tests/tools/costs.py [--rounds N [--metered] | --switched N | --sampled] [--program build/dragoman] [--modes 'log off,log on']
"""
import argparse
import math
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import expect
import meter

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODES = {'log off': ['-trap-log', 'off'], 'log without counts': ['-trap-log', 'plain'], 'log on': ['-trap-log', 'count'],
         'timeline': ['-trace', 'file={},os=linux']}
# the same by the monitor: to begin it, to end it
SWITCHES = {'log off': ['trap-log off'], 'log without counts': ['trap-log plain'], 'log on': ['trap-log count'],
            'timeline': ['trap-log count', 'trace file={},os=linux']}
SHORT = {'syscall': 'os syscall/2', 'pipe': 'os pipe/2', 'switch': 'os switch/4', 'fork': 'os fork/2', 'exec': 'os exec/8',
         'fault': 'os fault/4', 'signal': 'os signal/6', 'calls': 'work calls/10'}
BATCHES = 10
# how often each workload is repeated, so that a run is long enough to be timed
WORKS = {'syscall': 10, 'pipe': 6, 'switch': 3, 'fork': 6, 'exec': 3, 'fault': 2, 'signal': 2, 'calls': 2}


def made(*what):
    return subprocess.check_output(['sh', f'{ROOT}/tests/tools/guest.sh', *what], text=True).strip()


def guest(directory):
    """kernel, initramfs with the workloads"""
    os.makedirs(f'{directory}/tree/bin')
    for p in 'work', 'os':
        subprocess.check_call(['gcc', '-O2', '-static', '-fno-math-errno', '-o', f'{directory}/tree/bin/{p}', f'{ROOT}/bench/guest/{p}.c'])
    initrd = f'{directory}/initrd'
    with open(initrd, 'wb') as out, open(made('initrd', 'amd64'), 'rb') as stock:
        out.write(stock.read())
        out.flush()
        subprocess.check_call('find . | cpio -o -H newc --quiet | gzip', shell=True, cwd=f'{directory}/tree', stdout=out)
    return made('kernel', 'amd64'), initrd


def cpu_seconds(pid):
    """of the guest's thread (the first one), of all threads"""
    def one(task):
        try:
            with open(f'/proc/{pid}/task/{task}/schedstat', encoding='ascii') as file:
                return int(file.read().split()[0]) / 1e9
        except FileNotFoundError:
            return 0
    return one(pid), sum(one(t) for t in os.listdir(f'/proc/{pid}/task'))


def start(program, options, kernel, initrd):
    return expect.Vm([program, '-accel', 'jit', '-m', '256', '-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-kernel', kernel,
                      '-initrd', initrd, '-append', 'console=ttyS0 quiet', *options], 300)


def run(program, options, kernel, initrd, works, loop):
    """{workload: cpu_seconds()}, of the boot and @works; @loop: meter.begin()'s, or None"""
    vm = start(program, options, kernel, initrd)
    m = meter.Meter(vm.proc.pid, lambda: cpu_seconds(vm.proc.pid), loop) if loop else None
    out = {}

    def now():
        return m.now() if m else cpu_seconds(vm.proc.pid)
    try:
        vm.expect('guest ready')
        out['boot'] = now()
        vm.expect('# ')
        for w in works:
            times = WORKS[w]
            before = now()
            vm.send(f'{"work" if w == "calls" else "os"} {" ".join([w] * times)} >/dev/null; echo @do""ne')
            vm.expect('@done')
            vm.expect('# ')
            out[w] = tuple(b - a for a, b in zip(before, now()))
        if m:
            m.stop()
        vm.send('poweroff -f')
        vm.exit(0)
        return out
    finally:
        if m:
            m.stop()
        vm.close()


def nanoseconds(pid):
    """of processor time of the guest's thread"""
    with open(f'/proc/{pid}/task/{pid}/schedstat', encoding='ascii') as file:
        return int(file.read().split()[0])


def switched(program, modes, kernel, initrd, trace):
    """{workload: {mode: seconds of the shortest of its short runs}}"""
    vm = start(program, [], kernel, initrd)
    out = {w: {m: [] for m in modes} for w in SHORT}
    try:
        vm.expect('# ')
        for w, command in SHORT.items():
            for batch in range(BATCHES + 1):
                for m in modes if batch % 2 else modes[::-1]:
                    for c in SWITCHES[m]:
                        vm.monitor(c.format(trace))
                    before = nanoseconds(vm.proc.pid)
                    vm.send(f'{command} >/dev/null; echo @do""ne')
                    vm.expect('@done')
                    took = nanoseconds(vm.proc.pid) - before
                    vm.expect('# ')
                    if m == 'timeline':
                        vm.monitor('trace off')
                    if batch:  # the first one translates
                        out[w][m].append(took / 1e9)
        vm.send('poweroff -f')
        vm.exit(0)
        return {w: {m: min(v) for m, v in runs.items()} for w, runs in out.items()}
    finally:
        vm.close()


# whose samples --sampled counts; of the last ones it is the difference that matters
KEEPERS = ('history_begin', 'history_add', 'mmu_peek', 'seen', 'seen_else', 'stamp', 'counters', 'accessed', 'line', 'requested', 'put_move',
           'trace_queue_give', 'trace_time_read', 'linux_user', 'linux_call', 'linux_call_path',
           'h_syscall', 'h_sysret', 'h_sysenter', 'h_sysexit', 'done_stepping', 'done', '__vdso_clock_gettime')


def share(pid, data, run_it):
    """Percent of the samples of thread @pid in KEEPERS while @run_it runs, how many samples there were"""
    perf = subprocess.Popen(['perf', 'record', '-q', '-F', '8000', '-e', 'cpu-clock', '-t', str(pid), '-o', data], stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    run_it()
    perf.send_signal(signal.SIGINT)
    perf.wait()
    text = subprocess.run(['perf', 'report', '-i', data, '--stdio', '--no-children', '-s', 'sym', '-n', '-g', 'none'],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    rows = re.findall(r'^ +[\d.]+% +(\d+) +\[.\] (\S+)', text, re.M)
    total = sum(int(n) for n, _ in rows)
    return 100 * sum(int(n) for n, name in rows if name.split('.')[0] in KEEPERS) / total, total


def sampled(program, modes, kernel, initrd, trace):
    vm = start(program, [], kernel, initrd)
    print(f"percent of the guest's thread in the functions of the log and the timeline, above {modes[0]!r}; of how many samples", flush=True)

    def run_it(command):
        vm.send(f'{command} >/dev/null; echo @do""ne')
        vm.expect('@done')
        vm.expect('# ')
    try:
        vm.expect('# ')
        for w, command in SHORT.items():
            command = command.split('/', maxsplit=1)[0]
            line, base = f'{w:10}', None
            for m in modes:
                for c in SWITCHES[m]:
                    vm.monitor(c.format(trace))
                run_it(command)  # translates
                percent, samples = share(vm.proc.pid, trace + '.perf', lambda c=command: run_it(f'{c} {c.split()[1]} {c.split()[1]}'))
                if m == 'timeline':
                    vm.monitor('trace off')
                base = percent if base is None else base
                line += f'   {m} {percent - base:+.2f} ({samples})'
            print(line, flush=True)
        vm.send('poweroff -f')
        vm.exit(0)
    finally:
        vm.close()


def report_switched(runs, modes):
    print(f"switched in {len(runs)} machines: milliseconds of the guest's thread, medians; against {modes[0]!r} of the same machine: "
          'median, lowest and highest')
    print(f'{"":20}' + ''.join(f'{w:>30}' for w in [*SHORT, 'all']))
    for m in modes:
        line = f'{m:20}'
        for w in [*SHORT, None]:
            took = [sum(r[x][m] for x in SHORT if w in (x, None)) for r in runs]
            base = [sum(r[x][modes[0]] for x in SHORT if w in (x, None)) for r in runs]
            more = sorted((t / b - 1) * 100 for t, b in zip(took, base))
            line += f'{statistics.median(took) * 1e3:9.1f} {statistics.median(more):+5.1f} ({more[0]:+5.1f} {more[-1]:+5.1f})'
        print(line)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--rounds', type=int, default=5)
    ap.add_argument('--metered', action='store_true', help='time as if the host were alone (tests/tools/meter.py)')
    ap.add_argument('--processor', type=int, default=0, help='of the host, with --metered')
    ap.add_argument('--works', default=','.join(WORKS), help='besides the boot: %(default)s')
    ap.add_argument('--switched', type=int, default=0, metavar='N', help='switch between the modes in each of N machines')
    ap.add_argument('--sampled', action='store_true', help='ask perf for the shares of the functions that do it')
    ap.add_argument('--modes', default=','.join(MODES), help='some of: %(default)s')
    ap.add_argument('--program', default=f'{ROOT}/build/dragoman')
    args = ap.parse_args()
    modes = args.modes.split(',')
    works = args.works.split(',') if args.works else []
    with tempfile.TemporaryDirectory() as directory:
        kernel, initrd = guest(directory)
        trace = f'{directory}/trace.pb'
        if args.sampled:
            sampled(args.program, modes, kernel, initrd, trace)
            return 0
        if args.switched:
            report_switched([switched(args.program, modes, kernel, initrd, trace) for _ in range(args.switched)], modes)
            return 0
        took = {m: [] for m in modes}
        size = 0
        loop = meter.begin(args.processor) if args.metered else None
        for i in range(args.rounds):
            for m in modes if i % 2 else modes[::-1]:
                if os.path.exists(trace):
                    os.unlink(trace)  # else the emulator would
                took[m].append(run(args.program, [o.format(trace) for o in MODES[m]], kernel, initrd, works, loop))
            size = os.path.getsize(trace) if os.path.exists(trace) else 0
    print(f'medians of {args.rounds} rounds, seconds; against {modes[0]!r}, and the standard errors')
    for which, title in enumerate(("guest's thread", 'whole emulator')):
        report(title, ['boot', *works], {m: [{w: t[which] for w, t in r.items()} for r in took[m]] for m in modes})
    if size:
        print(f'timeline: {size / 1e6:.0f} MB')
    return 0


def error(values):
    """The standard error of their median, relative to it"""
    return 1.25 * statistics.stdev(values) / len(values) ** 0.5 / statistics.median(values) if len(values) > 1 else 0


def report(title, works, took):
    works = [*works, 'all']
    print(f'{title:20}' + ''.join(f'{w:>23}' for w in works))
    base = None
    for m, runs in took.items():
        now = {w: [r[w] if w != 'all' else sum(r.values()) for r in runs] for w in works}
        base = base or now
        line = f'{m:20}'
        for w in works:
            old, new = statistics.median(base[w]), statistics.median(now[w])
            more = f'({(new / old - 1) * 100:+5.1f} +-{math.hypot(error(base[w]), error(now[w])) * 100:4.1f} %)' if now is not base else ''
            line += f'{new:7.3f} {more:15}'
        print(line)


if __name__ == '__main__':
    sys.exit(main())
