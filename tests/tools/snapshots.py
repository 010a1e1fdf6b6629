#!/usr/bin/env python3
"""snapshots.py - restored runs print what the undisturbed run prints.

usage: snapshots.py [-n N] [-t SECONDS] [--image FILE] [--seed S] [--restore PROGRAM] DIR PROGRAM OPTION...

The guest must end by itself, and what it prints must not depend on the host: either it prints no times, or they are counted
(-icount sleep=off). One run is left alone; one
is stopped at N random moments, each time a snapshot is taken (by migrate to a file; with --image by savevm into that qcow2 image);
N runs begin from the snapshots. Each must print, behind what had been printed at that moment, exactly the rest.
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


def whole_run(a, args, serial, log):
    begin = time.time()
    m = Machine(args, serial, log)
    status = m.wait(a.t)
    if status != 0:
        sys.exit(f"snapshots: the undisturbed run ended with {status}")
    with open(serial, "rb") as f:
        return f.read(), time.time() - begin


def take(a, args, seconds, serial, log):
    """Snapshots at random moments of a run: [(name, bytes printed so far)]"""
    rnd = random.Random(a.seed)
    moments = sorted(rnd.uniform(0.02, 0.97) * seconds for _ in range(a.n))
    taken = []
    m = Machine(args, serial, log)
    begin = time.time()
    for i, at in enumerate(moments):
        time.sleep(max(0, at - (time.time() - begin)))
        before = time.time()
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
        m.command("cont")
        begin += time.time() - before
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
        print(f"snapshots: undisturbed: {len(want)} bytes in {seconds:.1f} s", flush=True)
        if a.image:
            shutil.copyfile(a.image + ".orig", a.image)
        taken, got = take(a, args, seconds, f"{a.dir}/taken.txt", log)
        bad += differ(a, want, got, "the run in which snapshots were taken")
        for name, printed in taken:
            if a.image:
                shutil.copyfile(a.image, a.image + ".end") # what a run does after the snapshot must not matter to the next
                rest = [a.restore or a.program] + a.option + ["-loadvm", name]
            else:
                rest = [a.restore or a.program] + a.option + ["-incoming", f"file:{a.dir}/{name}.snap"]
            m = Machine(rest, f"{a.dir}/rest.txt", log)
            status = m.wait(a.t)
            if a.image:
                shutil.move(a.image + ".end", a.image)
            else:
                os.unlink(f"{a.dir}/{name}.snap")
            with open(f"{a.dir}/rest.txt", "rb") as f:
                if status != 0:
                    print(f"snapshots: restored from {name}: ended with {status}")
                    bad += 1
                else:
                    bad += differ(a, want[printed:], f.read(), f"restored from {name}, at {printed} bytes")
    print(f"snapshots: {len(taken)} taken and restored, {bad} differences", flush=True)
    return 1 if bad or len(taken) < min(a.n, 1) else 0


sys.exit(main())
