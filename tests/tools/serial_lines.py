#!/usr/bin/env python3
"""serial_lines.py - a guest's shell on serial lines that are no terminal of ours: COM1 on a pty, COM2 on a TCP port.

Usage: serial_lines.py SECONDS PORT COMMAND...   The command starts the machine; `-serial pty` and `-serial tcp:` are added.
Status 0: every answer came; 1: told on stderr.
"""
import os
import re
import select
import socket
import subprocess
import sys
import time
import tty


class Line:
    """One end of a serial line: what is typed, what came."""

    def __init__(self, name, fd, end):
        self.name, self.fd, self.end, self.seen = name, fd, end, b''

    def type(self, text):
        os.write(self.fd, text.encode() + b'\n')

    def expect(self, text):
        """wait for TEXT; what came before it is done with"""
        while text.encode() not in self.seen:
            left = self.end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                sys.exit(f'serial_lines.py: {self.name}: no {text!r}; the last that came: {self.seen[-500:]!r}')
            try:
                more = os.read(self.fd, 4096)
            except OSError:  # the machine is gone: a pty says EIO
                more = b''
            if not more:
                sys.exit(f'serial_lines.py: {self.name}: closed before {text!r}: {self.seen[-500:]!r}')
            self.seen += more
        self.seen = self.seen.split(text.encode(), 1)[1]

    def ask(self, what, answer):
        self.type(what)
        self.expect(answer)


def pty_path(stream, end):
    """the path that the program prints"""
    said = b''
    while True:
        if not select.select([stream], [], [], max(end - time.monotonic(), 0))[0]:
            sys.exit(f'serial_lines.py: no path of a pty: {said!r}')
        more = os.read(stream.fileno(), 4096)
        said += more
        found = re.search(rb'(/dev/pts/\d+)\b\D', said)
        if found:
            return found[1].decode()
        if not more:
            sys.exit(f'serial_lines.py: no path of a pty: {said!r}')


def talk(machine, port, end):
    fd = os.open(pty_path(machine.stderr, end), os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    one = Line('pty', fd, end)
    one.type('')
    one.expect('guest# ')
    one.ask('echo sum $((20 + 1)) on $(tty)', 'sum 21 on /dev/')
    # said by the new shell, with the line open: what comes before that Linux drops as it opens it
    one.ask("T=$(tty); stty -F /dev/ttyS1 -echo; setsid sh -c \"echo start''ed >$T; exec sh\" </dev/ttyS1 >/dev/ttyS1 2>&1 &", 'started')
    # no machine waits for a caller (wait=off); when one has gone, the next is heard
    for n in (1, 2):
        with socket.create_connection(('127.0.0.1', port)) as s:
            two = Line('tcp', s.fileno(), end)
            two.ask('', 'guest# ')
            two.ask(f'echo call {n}: $((40 + {n})) by $(cat /proc/sys/kernel/ostype)', f'call {n}: {40 + n} by Linux')
            two.ask('seq 1 5000 | tail -c 20000 | md5sum', subprocess.check_output(
                'seq 1 5000 | tail -c 20000 | md5sum', shell=True, text=True).split()[0])
            two.ask('seq 1 3000', '\n3000')
    one.type('poweroff -f')
    return machine.wait(max(end - time.monotonic(), 1))


def main():
    end, port = time.monotonic() + float(sys.argv[1]), int(sys.argv[2])
    with subprocess.Popen(sys.argv[3:] + ['-serial', 'pty', '-serial', f'tcp:127.0.0.1:{port},server=on,wait=off'],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as machine:
        try:
            status = talk(machine, port, end)
        finally:
            machine.kill()
    sys.exit(f'serial_lines.py: the machine ended with status {status}' if status else 0)


main()
