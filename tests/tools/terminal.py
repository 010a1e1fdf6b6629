#!/usr/bin/env python3
"""terminal.py - the emulator on a terminal of its own: the state of the line before and after, signals, the mux.

Usage: terminal.py DRAGOMAN   Status 0: all as expected; 1: told on stderr.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

failures = []


def check(ok, what):
    if not ok:
        failures.append(what)
        print(f'terminal.py: {what}', file=sys.stderr)


class Session:
    """One run on a pseudo-terminal, in a session of its own."""

    def __init__(self, args):
        self.master, slave = pty.openpty()
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        self.out = b''
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            os.close(self.master)
            for fd in range(3):
                os.dup2(slave, fd)
            os.execvp(args[0], args)

    def read(self, seconds, until=None):
        end = time.monotonic() + seconds
        start = len(self.out)
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    self.out += os.read(self.master, 4096)
                except OSError:
                    break
            if until and until in self.out[start:]:
                return True
        return until is None

    def type(self, data):
        os.write(self.master, data)

    def raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def wait_raw(self, want, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(0.05)
            if self.raw() == want:
                return True
        return False

    def end(self, what, status, seconds=20):
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            self.read(0.05)
            pid, st = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code = os.WEXITSTATUS(st) if os.WIFEXITED(st) else -os.WTERMSIG(st)
                check(code == status, f'{what}: status {code}, not {status}')
                check(termios.tcgetattr(self.slave) == self.before, f'{what}: the terminal is not restored')
                os.close(self.slave)
                os.close(self.master)
                return
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        check(False, f'{what}: it did not end')


def state(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii') as f:
        return f.read().rsplit(')', 1)[1].split()[0]


def wait_state(pid, want):
    for _ in range(200):
        if (state(pid) == 'T') == want:
            return True
        time.sleep(0.05)
    return False


def main():
    base = [sys.argv[1], '-m', '16', '-S']
    for sig, status in ((signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 0), (signal.SIGQUIT, 131)):
        s = Session(base + ['-nographic'])
        check(s.wait_raw(True), f'{sig.name}: the terminal does not become raw')
        os.kill(s.pid, sig)
        s.end(sig.name, status)
    # Ctrl-Z by signal: cooked while stopped, raw again after
    s = Session(base + ['-nographic'])
    s.wait_raw(True)
    os.kill(s.pid, signal.SIGTSTP)
    check(wait_state(s.pid, True), 'SIGTSTP: it does not stop')
    check(not s.raw(), 'SIGTSTP: the terminal stays raw while stopped')
    os.kill(s.pid, signal.SIGCONT)
    check(s.wait_raw(True), 'SIGCONT: the terminal is not raw again')
    s.type(b'\x01h')
    check(s.read(10, b'C-a x'), 'Ctrl-A h prints no help')
    s.type(b'\x01c')
    check(s.read(10, b'(dragoman) '), 'Ctrl-A c shows no monitor')
    s.type(b'info sta\tus\r')
    check(s.read(10, b'VM status: paused'), 'no answer to info status')
    s.type(b'quit\r')
    s.end('quit', 0)
    # another escape key
    s = Session(base + ['-nographic', '-echr', '0x14'])
    s.wait_raw(True)
    s.type(b'\x14h')
    check(s.read(10, b'C-t x'), '-echr 0x14: no help at Ctrl-T h')
    s.type(b'\x14x')
    s.end('Ctrl-T x', 0)
    # a chardev shared by name, and Ctrl-C as a signal on plain stdio
    s = Session(base + ['-display', 'none', '-chardev', 'stdio,id=c,mux=on', '-serial', 'chardev:c', '-mon', 'c'])
    s.wait_raw(True)
    s.type(b'\x01c')
    check(s.read(10, b'(dragoman) '), 'mux=on: no monitor at Ctrl-A c')
    s.type(b'\x01x')
    s.end('mux=on', 0)
    # a pty as serial port
    s = Session(base + ['-display', 'none', '-serial', 'pty', '-monitor', 'stdio'])
    check(s.read(10, b'redirected to /dev/pts/'), 'pty: no name told')
    name = re.search(rb'/dev/pts/\d+', s.out)
    check(name and os.path.exists(name.group().decode()), 'pty: it does not exist')
    s.type(b'quit\r')
    s.end('pty', 0)
    curses()
    return 1 if failures else 0


def curses():
    """-display curses: the firmware's text, Alt-2 and the monitor, the terminal after it."""
    os.environ['TERM'] = 'xterm'
    s = Session([sys.argv[1], '-m', '16', '-display', 'curses'])
    fcntl.ioctl(s.master, termios.TIOCSWINSZ, struct.pack('HHHH', 25, 80, 0, 0))
    if not s.read(30, b'SeaBIOS') and b'without ncurses' in s.out:
        s.end('curses', 1)
        return
    check(b'SeaBIOS' in s.out, 'curses: no text of the firmware')
    s.type(b'\x1b2')
    check(s.read(10, b'(dragoman)'), 'curses: no monitor at Alt-2')
    s.type(b'info version\r')
    check(s.read(10, b'Dragoman 0.'), 'curses: the monitor does not answer')
    s.type(b'quit\r')
    s.end('curses', 0)


sys.exit(main())
