#!/usr/bin/env python3
"""snapshots.py - restored runs print what the undisturbed run prints.

usage: snapshots.py [-n N] [-t SECONDS] [--image FILE] [--seed S] [--restore PROGRAM] DIR PROGRAM OPTION...

The guest must end by itself, and what it prints must not depend on the host: either it prints no times, or they are counted
(-icount sleep=off). One run is left alone; others are stopped at random moments of their processor time, each time a snapshot is taken
(by migrate to a file; with --image by savevm into that qcow2 image), at most ten in one run, until there are N; N runs begin from the
snapshots. Each must print, behind what had been printed at that moment, exactly the rest.
--restore: the program that restores, of another host architecture perhaps.
"""
import argparse
import os
import random
import shutil
import subprocess
import sys
import time

PROMPT = b"(dragoman) "
AT_ONCE = 10 # snapshots of one run: each holds the guest's memory


class Machine:
    def __init__(self, args, serial, log):
        self.log = log
        if os.path.exists(serial):
            os.unlink(serial)
        self.p = subprocess.Popen(args + ["-display", "none", "-serial", "file:" + serial, "-monitor", "stdio"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.ready = True
        self.until_prompt()

    def until_prompt(self):
        """What came before the next prompt; the program may end instead."""
        buf = b""
        while not buf.endswith(PROMPT):
            c = self.p.stdout.read1(65536)
            if not c:
                self.ready = False
                break
            buf += c
        self.log.write(buf)
        self.log.flush()
        return buf

    def command(self, line):
        if not self.ready:
            return b""
        try:
            self.p.stdin.write(line.encode() + b"\n")
            self.p.stdin.flush()
        except BrokenPipeError:
            self.ready = False
            return b""
        return self.until_prompt()

    def wait(self, seconds):
        try:
            return self.p.wait(seconds)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            return None


def cpu_seconds(pid):
    """processor time of a running process; 0 if it has ended"""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def whole_run(a, args, serial, log):
    before = os.times()
    m = Machine(args, serial, log)
    status = m.wait(a.t)
    if status != 0:
        sys.exit(f"snapshots: the undisturbed run ended with {status}")
    with open(serial, "rb") as f:
        now = os.times()
        return f.read(), now.children_user + now.children_system - before.children_user - before.children_system


def take(a, args, n, rnd, seconds, serial, log):
    """At most @n snapshots at random moments of a run: [(name, bytes printed so far)]"""
    moments = sorted(rnd.uniform(0.02, 0.97) * seconds for _ in range(n))
    taken, paid = [], 0
    m = Machine(args, serial, log)
    for i, at in enumerate(moments):
        while m.p.poll() is None and cpu_seconds(m.p.pid) - paid < at:
            time.sleep(0.01)
        before = cpu_seconds(m.p.pid)
        m.command("stop")
        name = f"s{i}"
        place = f"{a.dir}/{name}.snap"
        reply = m.command(f"savevm {name}" if a.image else f"migrate file:{place}")
        if not m.ready:
            break # the guest has ended
        printed = os.path.getsize(serial)
        if b"annot" in reply or (not a.image and not os.path.exists(place)):
            sys.exit(f"snapshots: {reply.decode(errors='replace')}")
        taken.append((name, printed))
        paid += cpu_seconds(m.p.pid) - before # what snapshots cost is no progress of the guest
        m.command("cont")
    status = m.wait(a.t)
    if status != 0:
        sys.exit(f"snapshots: the run with snapshots ended with {status}")
    with open(serial, "rb") as f:
        return taken, f.read()


def differ(a, want, got, what):
    if want == got:
        return False
    n = next((i for i, (x, y) in enumerate(zip(want, got)) if x != y), min(len(want), len(got)))
    print(f"snapshots: {what}: byte {n} of {len(want)}: expected {want[n:n + 120]!r}, got {got[n:n + 120]!r}")
    return True


def restore(a, want, name, printed, log):
    """a run from a snapshot: does it go another way?"""
    if a.image: # what a run does after the snapshot is taken back by loading the next
        rest = [a.restore or a.program] + a.option + ["-loadvm", name]
    else:
        rest = [a.restore or a.program] + a.option + ["-incoming", f"file:{a.dir}/{name}.snap"]
    m = Machine(rest, f"{a.dir}/rest.txt", log)
    status = m.wait(a.t)
    if not a.image:
        os.unlink(f"{a.dir}/{name}.snap")
    if status != 0:
        print(f"snapshots: restored from {name}: ended with {status}")
        return True
    with open(f"{a.dir}/rest.txt", "rb") as f:
        return differ(a, want[printed:], f.read(), f"restored from {name}, at {printed} bytes")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-n", type=int, default=5)
    p.add_argument("-t", type=float, default=600)
    p.add_argument("--image")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--restore")
    p.add_argument("dir")
    p.add_argument("program")
    p.add_argument("option", nargs=argparse.REMAINDER)
    a = p.parse_args()
    bad = 0
    with open(f"{a.dir}/monitor.log", "wb") as log:
        args = [a.program] + a.option
        if a.image:
            shutil.copyfile(a.image, a.image + ".orig")
        want, seconds = whole_run(a, args, f"{a.dir}/whole.txt", log)
        print(f"snapshots: undisturbed: {len(want)} bytes in {seconds:.1f} s of processor time", flush=True)
        rnd, done, runs = random.Random(a.seed), 0, 0
        while done < a.n:
            if a.image:
                shutil.copyfile(a.image + ".orig", a.image)
            taken, got = take(a, args, min(a.n - done, AT_ONCE), rnd, seconds, f"{a.dir}/taken.txt", log)
            bad += differ(a, want, got, "the run in which snapshots were taken")
            bad += sum(restore(a, want, name, printed, log) for name, printed in taken)
            done += len(taken)
            runs += 1
            if not taken and runs > 3:
                sys.exit("snapshots: the guest ends before any can be taken")
    print(f"snapshots: {done} taken in {runs} runs and restored, {bad} differences", flush=True)
    return 1 if bad else 0


sys.exit(main())
