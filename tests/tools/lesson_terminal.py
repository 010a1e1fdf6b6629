#!/usr/bin/env python3
"""lesson_terminal.py - lessons on a terminal: each step waits for a key, two panes or one, and the line is as before at the end.

Usage: lesson_terminal.py DRAGOMAN   Status 0: all as expected; 1: told on stderr.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

failures = []


def check(ok, what):
    if not ok:
        failures.append(what)
        print(f"lesson_terminal.py: {what}", file=sys.stderr)


class Terminal:
    def __init__(self, program, lesson, cols):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, cols, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.out = b""
        self.process = subprocess.Popen([program, "-lesson", lesson], stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def until(self, text, seconds=30):
        start, end = len(self.out), time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.05)[0]:
                self.out += os.read(self.master, 65536)
            if text in self.out[start:]:
                while select.select([self.master], [], [], 0.2)[0]: # the rest of the page
                    self.out += os.read(self.master, 65536)
                return True
        return False

    def key(self, c):
        os.write(self.master, c)

    def end(self, name):
        end = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < end:
            if select.select([self.master], [], [], 0.05)[0]:
                self.out += os.read(self.master, 65536)
        while select.select([self.master], [], [], 0.1)[0]:
            self.out += os.read(self.master, 65536)
        if self.process.poll() is None:
            self.process.kill()
        check(self.process.wait() == 0, f"{name}: status {self.process.returncode}")
        check(termios.tcgetattr(self.slave) == self.before, f"{name}: the line is not as it was")
        check(self.out.count(b"\033[?1049h") == self.out.count(b"\033[?1049l"), f"{name}: the screen is not as it was")


program = sys.argv[1]

# two panes: the source line is marked beside the words, a key goes on, the last one leaves
t = Terminal(program, "ring3", 150)
check(t.until(b"Ring 3 and back"), "two panes: no introduction")
check(not t.until(b"--- 1:", 0.5), "two panes: it does not wait")
t.key(b"\n")
check(t.until(b"--- 1: iret"), "two panes: no first step")
check(re.search(rb"\033\[1m> +\d+ +iret", t.out), "two panes: no mark at the source line")
check(b" | " in t.out, "two panes: not side by side")
t.key(b" ")
check(t.until(b"--- 2: int 80h"), "two panes: no second step")
t.key(b"r")
check(t.until(b"the program has ended"), "two panes: does not run to the end")
check(t.process.poll() is None, "two panes: the last page does not wait")
t.key(b"q")
t.end("two panes")

# one stream on a narrow terminal
t = Terminal(program, "ring3", 80)
check(t.until(b"[Enter: next"), "narrow: no prompt")
t.key(b"\n")
check(t.until(b"--- 1: iret"), "narrow: no first step")
check(b"\033[?1049h" not in t.out, "narrow: two panes")
t.key(b"q")
t.end("narrow")
check(b"--- 2" not in t.out, "narrow: q does not end it")

# Ctrl-C, as a key of the terminal
for cols in 150, 80:
    t = Terminal(program, "cli", cols)
    t.until(b"CLI in ring 3")
    t.key(b"\n")
    check(t.until(b"--- 1:"), "Ctrl-C: no first step")
    t.key(b"\003")
    t.end(f"Ctrl-C in {cols} columns")

# Ctrl-C on the last page
t = Terminal(program, "ring3", 150)
t.until(b"Ring 3 and back")
t.key(b"r")
t.until(b"the program has ended")
t.key(b"\003")
t.end("Ctrl-C on the last page")
sys.exit(1 if failures else 0)
