#!/usr/bin/env python3
"""hostcode.py - how many host instructions the hot blocks of the workloads become, here and under QEMU; see hostcode.sh.

Hot are the blocks that samples of a native run find (-accel jit,profile=on). Of both translations those instructions are
counted that run when nothing goes wrong and blocks are linked, on the longer way where a block has two: without slow paths, without
the ways out that are there until then. A call counts as one, but QEMU's to look up the target of an indirect jump, which we do
in the block: a second figure adds what that runs when it finds the block (--helper; measured for Debian's QEMU 7.2, see
docs/aarch64.md). Only blocks that begin at the same address and have the same number of guest instructions are compared.

With --plugin (count-insns.c, built) it counts instead what the two programs execute from the workload's begin to its end: translated code,
all that is called from it, translating, and the guest kernel's timer interrupts.
"""
import argparse
import math
import mmap
import os
import re
import struct
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


class Code:
    """Host code of a block: [(address, text)]; how many of its instructions run"""

    def __init__(self, lines, hot_end, helper=0):
        self.at = {address: i for i, (address, _) in enumerate(lines)}
        self.lines, self.hot_end, self.helper = lines, hot_end, helper

    def target(self, text):
        m = re.search(r'#(0x[0-9a-f]+)$', text)
        return self.at.get(int(m[1], 16)) if m and int(m[1], 16) < self.hot_end else None

    def run(self, i):
        """Instructions from line @i to where the block is left, by the longer way where two are inside it"""
        n = 0
        while i < len(self.lines) and self.lines[i][0] < self.hot_end:
            text = self.lines[i][1]
            name = text.split()[0]
            # QEMU's exits: patched to one branch when they are linked (adrp, add, br) or when in reach (b, nop)
            if name == 'adrp' and i + 2 < len(self.lines) and self.lines[i + 2][1].startswith('br '):
                return n + 1
            if name == 'adr' and text.split()[1] == 'x0,':
                return n  # the way out of a block that is not linked
            n += 1
            if name == 'blr' and i + 1 < len(self.lines) and self.lines[i + 1][1] == 'br x0':
                n += self.helper
            to = self.target(text)
            if name in ('b', 'br', 'ret'):
                if name != 'b' or to is None or to <= i:
                    return n
                i = to
            elif re.match(r'b\.|cbn?z|tbn?z', name) and to is not None and to > i and not self.lines[to][1].startswith('adr x0,'):
                return n + max(self.run(to), self.run(i + 1))
            else:
                i += 1
        return n


def ours(name):
    """{address: (guest instructions, host instructions)}; the last translation of an address counts"""
    out, blocks, at, guest, direct = {}, {}, None, 0, set()
    hot = code = None

    def flush():
        if code:
            blocks[at] = (guest, hot, code)

    for line in open(name, encoding='utf-8', errors='replace'):
        if line.startswith('IN: '):
            flush()
            at, guest, code, hot = None, 0, None, None
        elif line.startswith('OUT: '):
            hot, code = int(re.search(r'OUT: \[(\d+) bytes', line)[1]), []
        elif line.startswith('  0x') and code is None:
            at = int(line.split(':')[0], 16) if at is None else at
            guest += 1
            last = line.split(':')[1].split()
            if re.match(r'j|call|loop', last[0]) and re.fullmatch(r'0x[0-9a-f]+', last[-1]):
                direct.add(int(last[-1], 16))
        elif line.startswith('  0x'):
            a, text = line.strip().split(':', 1)
            code.append((int(a, 16), text.strip()))
    flush()
    for a, (guest, hot, code) in blocks.items():
        # direct links go past the two instructions that note where the block is
        out[a] = (guest, Code(code, code[0][0] + hot).run(2 if a in direct else 0))
    return out


def qemu(name, helper):
    """The same of QEMU; @helper: instructions of the call that looks up the target of an indirect jump"""
    out, at, guest, code, hot, part = {}, None, 0, [], None, ''

    def flush():
        if code:
            out[at] = (guest, Code(code, hot or code[-1][0] + 4, helper).run(0))

    for line in open(name, encoding='utf-8', errors='replace'):
        line = line.rstrip()
        if line.startswith('IN:'):
            flush()
            at, guest, code, hot, part = None, 0, [], None, 'in'
        elif line.startswith('OUT:'):
            part = 'out'
        elif 'slow paths' in line or line.startswith('  data'):
            hot, part = hot or (code[-1][0] + 4 if code else None), 'cold'
        elif line.startswith('0x') and part == 'in':
            at = int(line.split(':')[0], 16) if at is None else at
            guest += 1
        elif line.startswith('0x') and part == 'out':
            code.append((int(line.split(':')[0], 16), re.sub(r' +', ' ', line.split(maxsplit=2)[2])))
    flush()
    return out


def executed(command, plugin, guest, works, directory, timeout):
    """{workload: instructions the program runs for it}"""
    name, out = os.path.join(directory, 'executed'), {}
    with open(name, 'wb') as f:
        f.write(bytes(8))
    with open(name, 'r+b') as f, mmap.mmap(f.fileno(), 8) as counter:
        emulator, rest = command.split(maxsplit=1)
        vm = boot(f'{emulator} -plugin {plugin},to={name} {rest}', guest, timeout)
        vm.expect('# ')
        for work in works:
            vm.send(f'work {work}')
            vm.expect(f'@begin {work.split("/")[0]}')
            begin, = struct.unpack('<Q', counter[:8])
            vm.expect(f'@end {work.split("/")[0]}')
            out[work] = struct.unpack('<Q', counter[:8])[0] - begin
            vm.expect('# ')
        vm.send('poweroff -f')
        vm.exit(0)
        vm.close()
    return out


def compare_executed(arch, x, q):
    print(f'{arch} guest  millions executed: ours      QEMU  ours/QEMU')
    for work in x:
        print(f'{work:12} {x[work] / 1e6:30.1f} {q[work] / 1e6:9.1f} {x[work] / q[work]:10.3f}')
    print(f'geometric mean: {math.exp(sum(math.log(x[w] / q[w]) for w in x) / len(x)):.3f}', flush=True)


def main():
    p = argparse.ArgumentParser()
    for name in ('kernel', 'initrd', 'arch', 'native', 'ours', 'qemu', 'dir'):
        p.add_argument('--' + name, required=True)
    p.add_argument('--plugin')
    p.add_argument('--helper', type=int, default=89)
    p.add_argument('--timeout', type=float, default=1800)
    p.add_argument('work', nargs='+')
    a = p.parse_args()
    guest = {'kernel': a.kernel, 'initrd': a.initrd}
    code = PROGRAM_I386 if a.arch == 'i386' else PROGRAM
    only = f'-dfilter {code[0]:#x}..{code[1]:#x}'
    # a sixteenth of the work: the processor is emulated itself
    small = ' '.join(w + '/16' for w in a.work)
    if a.plugin:
        compare_executed(a.arch, *(executed(command, a.plugin, guest, small.split(), a.dir, a.timeout) for command in (a.ours, a.qemu)))
        return
    logs = {}
    for name, command in (('ours', a.ours), ('qemu', a.qemu)):
        logs[name] = os.path.join(a.dir, name + '.log')
        vm = boot(f'{command} -d in_asm,out_asm {only} -D {logs[name]}', guest, a.timeout)
        vm.send(f'work {small}; poweroff -f')
        vm.exit(0)
        vm.close()
    compare(a.arch, ours(logs['ours']), qemu(logs['qemu'], 0), qemu(logs['qemu'], a.helper),
            {work: hot(run(a.native, guest, work, a.timeout), code) for work in a.work})


def compare(arch, x, q, whole, hot_blocks):
    """Print the table: @x ours, @q QEMU's code, @whole with the helper of indirect jumps; @hot_blocks by workload"""
    print(f'{arch} guest  blocks  share of samples   guest  host: ours   QEMU  with helper  ours/guest  ours/QEMU  with helper')
    ratios, wholes = [], []
    for work, shares in hot_blocks.items():
        both = [b for b in shares if b in x and b in q and x[b][0] == q[b][0]]
        weight = sum(shares[b] for b in both)
        if not weight:
            print(f'{work:12}  no block in common')
            continue
        g, o, t, h = (sum(shares[b] * f(b) for b in both) / weight
                      for f in (lambda b: x[b][0], lambda b: x[b][1], lambda b: q[b][1], lambda b: whole[b][1]))
        ratios.append(o / t)
        wholes.append(o / h)
        print(f'{work:12} {len(both):7} {weight:14.1f} % {g:8.1f} {o:11.1f} {t:6.1f} {h:12.1f} {o / g:11.2f} {o / t:10.2f} {o / h:12.2f}')
    if ratios:
        mean = [math.exp(sum(map(math.log, r)) / len(r)) for r in (ratios, wholes)]
        print(f'geometric mean of ours/QEMU: {mean[0]:.2f}, with the helper {mean[1]:.2f}')


main()
