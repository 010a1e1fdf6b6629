#!/usr/bin/env python3
"""powerfail.py - an emulator that is killed at random moments loses nothing that its guest has flushed.

usage: powerfail.py [-n KILLS] [--chain N] [--seed S] --machine M --image KIND --cache MODE DIR PROGRAM OPTION...

One boot, to the point where the guest waits for a word, is kept by `migrate`; every run begins there, mounts the disk and starts
guest-writer (its head says what is written), which announces what it has flushed. The program is killed (SIGKILL) at a random moment.
Then, of a copy of the image as it was left: qemu-img check finds no error (leaked clusters are counted: the order of writes in
frontend/qcow2.h allows them), e2fsck is content once the journal is replayed, and every record announced, in this run and those
before it, is there with its sum. The next run mounts the same image, until --chain of them have failed.

KIND is raw, qcow2, small (qcow2 with clusters of 4 KiB), lazy (small with lazy reference counts: the program repairs the image when it
is opened next, and nothing at all may be wrong after that), or backed (qcow2 above a raw image). MODE is a word of -drive cache=; M is ide or virtio.
"""
import argparse
import os
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

SIZE = 64 << 20
NAMES = {"ide": "/dev/sda", "virtio": "/dev/vda"}
MODULES = {"ide": "", "virtio": "sh /lib/virtio_pci; sh /lib/virtio_blk; "}
KINDS = {"raw": None, "qcow2": "cluster_size=64k", "small": "cluster_size=4k", "lazy": "cluster_size=4k,lazy_refcounts=on", "backed": "cluster_size=64k"}


def die(text):
    sys.exit(f"powerfail: {text}")


def tool(*command, good=(0,)):
    r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if r.returncode not in good:
        die(f"{' '.join(command)}: status {r.returncode}\n{r.stdout.decode(errors='replace')}")
    return r


class Machine:
    def __init__(self, a, more):
        drive = f"file={a.disk},format={'raw' if a.image == 'raw' else 'qcow2'},if={a.machine},cache={a.cache},discard=unmap"
        self.p = subprocess.Popen([a.program] + a.option + ["-drive", drive, "-display", "none", "-serial", "stdio"] + more,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.text = b""

    def read(self, until):
        """what comes, to the moment; False: the program has ended"""
        left = until - time.monotonic()
        if not select.select([self.p.stdout], [], [], max(0, left))[0]:
            return True
        got = os.read(self.p.stdout.fileno(), 65536)
        self.text += got
        return bool(got)

    def expect(self, word, seconds):
        until = time.monotonic() + seconds
        while word not in self.text:
            if not self.read(until) or time.monotonic() > until:
                die(f"no '{word.decode()}' from the guest:\n{self.text[-2000:].decode(errors='replace')}")

    def send(self, line):
        self.p.stdin.write(line.encode() + b"\n")

    def kill(self):
        self.p.send_signal(signal.SIGKILL)
        while self.read(time.monotonic() + 60):
            pass
        self.p.wait()


def new_image(a):
    if a.image == "raw":
        shutil.copyfile(a.base, a.disk)
    elif a.image == "backed":
        tool("qemu-img", "create", "-q", "-f", "qcow2", "-o", KINDS[a.image], "-b", a.base, "-F", "raw", a.disk)
    else:
        tool("qemu-img", "convert", "-q", "-O", "qcow2", "-o", KINDS[a.image], a.base, a.disk)


def boot(a):
    place = f"{a.dir}/monitor"
    m = Machine(a, ["-monitor", f"unix:{place},server=on,wait=off"])
    m.expect(b"guest ready", 120 * a.slow)
    m.send(f"{MODULES[a.machine]}echo wai''ting; read dir; blockdev --flushbufs {NAMES[a.machine]}; "
        f"mount -t ext4 -o discard {NAMES[a.machine]} /mnt && exec /bin/writer /mnt/$dir")
    m.expect(b"waiting", 60 * a.slow)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(place)
        s.settimeout(60 * a.slow)
        s.sendall(f"migrate file:{a.dir}/boot.snap\nquit\n".encode())
        while s.recv(4096):
            pass
    m.p.wait()
    if not os.path.exists(f"{a.dir}/boot.snap"):
        die("no snapshot of the boot")


def fail(a, run, rnd):
    """one run and its end: {what: last number announced}"""
    m = Machine(a, ["-monitor", "none", "-incoming", f"file:{a.dir}/boot.snap"])
    m.send(f"run{run}")
    m.expect(b"<log 0>", 60 * a.slow)
    until = time.monotonic() + rnd.uniform(0, a.seconds)
    while time.monotonic() < until:
        if not m.read(until):
            die(f"the program ended:\n{m.text[-2000:].decode(errors='replace')}")
    m.kill()
    last = {"log": -1, "page": -1, "drop": -1}
    for what, n in re.findall(rb"<(\w+) (\d+)>", m.text):
        last[what.decode()] = int(n)
    return last


def leaks(a):
    """qemu-img check: only leaked clusters may be wrong; how many"""
    if a.image == "raw":
        return 0
    r = tool("qemu-img", "check", "-U", a.disk, good=(0, 3))
    found = re.search(rb"(\d+) leaked clusters", r.stdout)
    return int(found.group(1)) if found else 0


def total(data):
    t = 0
    for x in struct.unpack(f"<{len(data) // 4}I", data):
        t = ((t << 1 | t >> 31) + x) & 0xffffffff
    return t


def record(data, at):
    """(number, length) of the record at @at, or None"""
    if at + 16 > len(data):
        return None
    magic, n, length, t = struct.unpack_from("<4sIII", data, at)
    if magic != b"rec!" or length < 16 or length % 4 or at + length > len(data) or total(data[at + 16:at + length]) != t:
        return None
    return n, length


def content(a, name):
    out = f"{a.dir}/content"
    if os.path.exists(out):
        os.unlink(out)
    tool("debugfs", "-R", f"dump {name} {out}", f"{a.dir}/copy.raw")
    if not os.path.exists(out):
        return b""
    with open(out, "rb") as f:
        return f.read()


def judge_run(a, run, last):
    for k in range(max(last["drop"] + 1, 0), last["log"] // 64 + 1):
        data, at = content(a, f"/run{run}/log.{k}"), 0
        for n in range(k * 64, min(last["log"], k * 64 + 63) + 1):
            got = record(data, at)
            if not got or got[0] != n:
                die(f"run {run}: log record {n} was flushed and is lost (byte {at} of {len(data)} of log.{k}: {got}; announced: {last})")
            at += got[1]
    data = content(a, f"/run{run}/pages")
    for n in range(max(0, last["page"] - 255), last["page"] + 1):
        got = record(data, n % 256 * 4096)
        # what was being written at the end may be there or not, or in parts
        if n % 256 != (last["page"] + 1) % 256 and (not got or got[0] != n):
            die(f"run {run}: page {n} was flushed and is lost (in its place: {got}; announced: {last})")


def judge(a, runs):
    if a.image == "lazy":
        subprocess.run([a.program] + a.option + ["-drive", f"file={a.disk},format=qcow2", "-display", "none", "-serial", "none", "-monitor",
            "stdio", "-S"], input=b"quit\n", stdout=subprocess.DEVNULL, check=True)
    n = leaks(a)
    if a.image == "lazy" and n:
        die(f"{n} clusters are leaked in an image that was repaired")
    tool("qemu-img", "convert", "-U", "-f", "raw" if a.image == "raw" else "qcow2", "-O", "raw", a.disk, f"{a.dir}/copy.raw")
    tool("e2fsck", "-p", f"{a.dir}/copy.raw", good=(0, 1))
    tool("e2fsck", "-fn", f"{a.dir}/copy.raw")
    for run, last in enumerate(runs):
        judge_run(a, run, last)
    return n


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-n", type=int, default=5)
    p.add_argument("--chain", type=int, default=5)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--seconds", type=float, default=1.5)
    p.add_argument("--slow", type=int, default=1)
    p.add_argument("--machine", choices=NAMES, default="ide")
    p.add_argument("--image", choices=KINDS, default="raw")
    p.add_argument("--cache", default="writeback")
    p.add_argument("dir")
    p.add_argument("program")
    p.add_argument("option", nargs=argparse.REMAINDER)
    a = p.parse_args()
    rnd = random.Random(a.seed)
    a.disk, a.base = f"{a.dir}/disk", f"{a.dir}/base"
    with open(a.base, "wb") as f:
        f.truncate(SIZE)
    tool("mke2fs", "-q", "-F", "-t", "ext4", a.base)
    new_image(a)
    boot(a)
    runs, flushed, lost = [], 0, []
    for i in range(a.n):
        if i % a.chain == 0:
            runs = []
            os.unlink(a.disk)
            new_image(a)
        runs.append(fail(a, len(runs), rnd))
        flushed += runs[-1]["log"] + runs[-1]["page"] + 2
        lost.append(judge(a, runs))
    print(f"powerfail: {a.machine} {a.image} cache={a.cache}: {a.n} kills, {flushed} records flushed, all there; "
        f"leaked clusters: {max(lost)} at most", flush=True)


main()
