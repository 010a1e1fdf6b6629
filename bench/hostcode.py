#!/usr/bin/env python3
"""hostcode.py - how many host instructions the hot blocks of the workloads become, here and under QEMU; see hostcode.sh.

Hot are the blocks that samples of a native run find (-accel jit,profile=on). Of both translations those instructions are
counted that run when nothing goes wrong: without slow paths, and without the ways out that are there until blocks are linked.
Only blocks that begin at the same address and have the same number of guest instructions are compared.
"""
import argparse
import math
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'tools'))
import expect  # noqa: E402  (found by the line above)

PROGRAM = (0x400000, 0x600000)  # where a static program's code lies, i386's being at 8048000h
PROGRAM_I386 = (0x8048000, 0x8248000)


def boot(command, guest, timeout):
    vm = expect.Vm(command.split() + ['-m', '384', '-display', 'none', '-serial', 'stdio', '-kernel', guest['kernel'], '-initrd',
                                      guest['initrd'], '-append', 'console=ttyS0 quiet'], timeout)
    vm.expect('guest ready')
    vm.expect('# ')
    vm.send('stty -echo')
    return vm


def run(command, guest, work, timeout):
    """Boot, run the workload; what info jit then says"""
    vm = boot(command, guest, timeout)
    try:
        vm.send(f'work {work}')
        vm.expect(f'@end {work.split("/")[0]}')
        vm.expect('\n')
        return vm.monitor('info jit')
    finally:
        vm.close()


def hot(text, code):
    """{address: samples share} of the program's blocks"""
    found = re.findall(r'^ +([0-9.]+) %  ([0-9a-f]{16}) +\d+ -> +\d+', text, re.M)
    return {int(a, 16): float(share) for share, a in found if code[0] <= int(a, 16) < code[1]}


def ours(name):
    """{address: (guest instructions, host instructions)}; the last translation of an address counts"""
    out, at, guest, left = {}, None, 0, 0
    for line in open(name, encoding='utf-8', errors='replace'):
        if line.startswith('IN: '):
            at, guest, left = None, 0, 0
        elif line.startswith('OUT: '):
            left = int(re.search(r'cold paths from (\d+)', line)[1]) // 4
            out[at] = (guest, left)
        elif line.startswith('  0x') and not left:
            at = int(line.split(':')[0], 16) if at is None else at
            guest += 1
    return out


def executed(lines):
    """Host instructions of a QEMU block that run once it is linked: without `adr x0; b` pairs, the unlinked ways out"""
    n = 0
    for i, text in enumerate(lines):
        leaves = text.startswith('adr ') and i + 1 < len(lines) and lines[i + 1].startswith('b ')
        after = i and lines[i - 1].startswith('adr ') and text.startswith('b ')
        n += not leaves and not after
    return n


def qemu(name):
    out, at, guest, host, part = {}, None, 0, [], ''
    for line in open(name, encoding='utf-8', errors='replace'):
        line = line.rstrip()
        if line.startswith('IN:'):
            at, guest, host, part = None, 0, [], 'in'
        elif line.startswith('OUT:'):
            part = 'out'
        elif 'slow paths' in line or line.startswith('  data'):
            part = 'cold'
        elif not line and part in ('out', 'cold'):
            out[at] = (guest, executed(host))
            part = ''
        elif line.startswith('0x') and part == 'in':
            at = int(line.split(':')[0], 16) if at is None else at
            guest += 1
        elif line.startswith('0x') and part == 'out':
            host.append(re.sub(r' +', ' ', line.split(maxsplit=2)[2]))
    return out


def main():
    p = argparse.ArgumentParser()
    for name in ('kernel', 'initrd', 'arch', 'native', 'ours', 'qemu', 'dir'):
        p.add_argument('--' + name, required=True)
    p.add_argument('--timeout', type=float, default=1800)
    p.add_argument('work', nargs='+')
    a = p.parse_args()
    guest = {'kernel': a.kernel, 'initrd': a.initrd}
    code = PROGRAM_I386 if a.arch == 'i386' else PROGRAM
    only = f'-dfilter {code[0]:#x}..{code[1]:#x}'
    # a sixteenth of the work: the processor is emulated itself
    small = ' '.join(w + '/16' for w in a.work)
    logs = {}
    for name, command in (('ours', a.ours), ('qemu', a.qemu)):
        logs[name] = os.path.join(a.dir, name + '.log')
        vm = boot(f'{command} -d in_asm,out_asm {only} -D {logs[name]}', guest, a.timeout)
        vm.send(f'work {small}; poweroff -f')
        vm.exit(0)
        vm.close()
    x, q = ours(logs['ours']), qemu(logs['qemu'])
    print(f'{a.arch} guest    blocks  share of samples   guest   host: ours   QEMU   ours/guest  QEMU/guest  ours/QEMU')
    ratios = []
    for work in a.work:
        shares = hot(run(a.native, guest, work, a.timeout), code)
        both = [b for b in shares if b in x and b in q and x[b][0] == q[b][0]]
        weight = sum(shares[b] for b in both)
        if not weight:
            print(f'{work:12}  no block in common')
            continue
        g, o, t = (sum(shares[b] * v for b, v in ((b, f(b)) for b in both)) / weight
                   for f in (lambda b: x[b][0], lambda b: x[b][1], lambda b: q[b][1]))
        ratios.append(o / t)
        print(f'{work:12} {len(both):9} {weight:14.1f} % {g:8.1f} {o:12.1f} {t:6.1f} {o / g:12.2f} {t / g:11.2f} {o / t:10.2f}')
    if ratios:
        print(f'geometric mean of ours/QEMU: {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}')


main()
