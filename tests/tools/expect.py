#!/usr/bin/env python3
"""expect.py - run a virtual machine and hold a conversation with it: serial line, monitor, screen.

Usage: expect.py [-t SECONDS] [-o TRANSCRIPT] COMMAND... < SCRIPT
The command's standard input and output are taken as the guest's serial line; a monitor on a unix socket is added to
the command. SCRIPT has one step a line:
  timeout N          seconds that each later step may take (default 60, or -t)
  expect TEXT        wait for TEXT in the serial output, after what the last expect matched
  send TEXT          type TEXT and Enter on the serial line
  screen TEXT        wait until the text screen shows TEXT
  noscreen TEXT      fail if the text screen shows TEXT now
  refuse TEXT        from here on fail as soon as the serial output holds TEXT
  monitor COMMAND    send a monitor command, wait for its answer
  answer TEXT        fail unless the last monitor answer holds TEXT
  type TEXT          press the keys for TEXT and Enter on the guest's keyboard
  dump FILE          screendump to FILE
  picture FILE PART  dump to FILE until the picture PART is in it
  row FILE Y         dump to FILE until row Y of the dots is not of one colour
  words FILE TEXT    dump to FILE until tesseract reads TEXT in it
  still FILE         dump to FILE until the picture stays the same for three seconds
  keep NAME ROW      remember a row of the text screen under NAME
  differ A B         fail if two kept rows or dump files are equal       same A B: if they are not
  idle S PERCENT     fail if the program uses more than PERCENT of a host processor for S seconds
  drift S PERCENT    the guest's uptime (asked by its shell) must advance by S seconds to within PERCENT
  sleep N            wait N seconds
  host COMMAND       run a shell command on this host; fail unless its status is 0
  exit N             wait until the program ends, with status N
  say TEXT           print TEXT with the time since the start
Status: 0 all steps done, 1 a step failed (told on stderr). The program is ended in any case.
"""
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import picture

# characters of the US keyboard that are not named by themselves, then those that need Shift
KEYS = {' ': 'spc', '\n': 'ret', '-': 'minus', '=': 'equal', '.': 'dot', ',': 'comma', '/': 'slash', ';': 'semicolon',
        "'": 'apostrophe', '[': 'bracket_left', ']': 'bracket_right', '\\': 'backslash', '`': 'grave_accent'}
KEYS.update({shifted: 'shift-' + KEYS.get(plain, plain)
             for plain, shifted in zip("-=.,/;'[]\\`1234567890", '_+><?:"{}|~!@#$%^&*()')})


class Failure(Exception):
    """A step that did not come true."""


def read_words(name):
    """What the picture says: twice as large, since tesseract is made for scanned paper; words one space apart."""
    large = subprocess.run(['convert', name, '-resize', '200%', 'png:-'], stdout=subprocess.PIPE, check=True).stdout
    read = subprocess.run(['tesseract', '-', '-', '--psm', '11'], input=large, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, env=dict(os.environ, OMP_THREAD_LIMIT='1'), check=True)
    return ' '.join(read.stdout.decode(errors='replace').split())


class Vm:
    """One running machine. Output is collected whenever a method waits."""

    def __init__(self, command, timeout=60.0):
        self.timeout = timeout
        self.dir = tempfile.mkdtemp(prefix='expect.')
        self.path = os.path.join(self.dir, 'mon')
        self.err = open(os.path.join(self.dir, 'stderr'), 'w+b')
        self.mon = None
        self.reply = ''
        self.out = b''
        self.seen = 0
        self.refused = []
        self.qemu = 'qemu' in os.path.basename(command[0])
        self.kept = {}
        self.start = time.monotonic()
        self.proc = subprocess.Popen(command + ['-monitor', f'unix:{self.path},server=on,wait=off'],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.err,
                                     start_new_session=True)
        os.set_blocking(self.proc.stdout.fileno(), False)

    def elapsed(self):
        return time.monotonic() - self.start

    def pump(self, seconds):
        """Collect output for at most that long; return False at end of file."""
        ready, _, _ = select.select([self.proc.stdout], [], [], seconds)
        if not ready:
            return True
        data = self.proc.stdout.read(65536)
        if data:
            self.out += data
            for text in self.refused:
                if text in self.out[-len(data) - len(text):]:
                    raise Failure(f'the guest said {text.decode()!r}')
        return data is None or data != b''

    def expect(self, text, timeout=None):
        limit = time.monotonic() + (timeout or self.timeout)
        what = text.encode()
        while True:
            at = self.out.find(what, self.seen)
            if at >= 0:
                self.seen = at + len(what)
                return self.elapsed()
            left = limit - time.monotonic()
            if left <= 0:
                raise Failure(f'{text!r} did not come within {timeout or self.timeout:g} s')
            if not self.pump(min(left, 1.0)):
                raise Failure(f'the program ended (status {self.proc.wait()}) before {text!r}')

    def send(self, text):
        self.raw(text.encode() + b'\n')

    def raw(self, data):
        """Bytes to the serial line, few at a time: a 16550's FIFO holds 16."""
        for at in range(0, len(data), 8):
            self.proc.stdin.write(data[at:at + 8])
            self.proc.stdin.flush()
            self.pump(0.01)

    def connect(self):
        limit = time.monotonic() + 20
        while True:
            try:
                self.mon = socket.socket(socket.AF_UNIX)
                self.mon.connect(self.path)
                break
            except OSError:
                if self.proc.poll() is not None:
                    raise Failure(f'the program ended with status {self.proc.returncode}') from None
                if time.monotonic() > limit:
                    raise Failure('no monitor socket within 20 s') from None
                time.sleep(0.05)
        self.mon_read()

    def mon_read(self):
        """The answer up to the next prompt, without terminal control sequences."""
        data, limit = b'', time.monotonic() + self.timeout
        while not re.search(rb'\((qemu|dragoman)\) *$', data):
            ready, _, _ = select.select([self.mon], [], [], 0.5)
            self.pump(0)
            if ready:
                more = self.mon.recv(65536)
                if not more:
                    break
                data += more
            elif time.monotonic() > limit:
                raise Failure(f'the monitor does not answer; so far: {data[-200:]!r}')
        return re.sub(r'\x1b\[[0-9;]*[A-Za-z]', '', data.decode(errors='replace'))

    def monitor(self, command):
        if not self.mon:
            self.connect()
        self.mon.sendall(command.encode() + b'\n')
        self.reply = self.mon_read()
        return self.reply

    def screen_text(self):
        """The text as it is displayed, in a text mode or drawn by Linux's graphical console."""
        if self.qemu:
            return self.picture_text()
        text = self.monitor('info screen').replace('\r', '')
        lines = text.split('\n')[1:-1]  # without the command's echo and the prompt
        return self.picture_text() if lines == ['the screen is in a graphics mode'] else '\n'.join(lines)

    def picture_text(self):
        """The same where the monitor cannot tell: read from a picture of it."""
        name = os.path.join(self.dir, 'screen.ppm')
        self.dump(name)
        return picture.read_text(name)

    def screen(self, text):
        limit = time.monotonic() + self.timeout
        while text not in self.screen_text():
            if time.monotonic() > limit:
                raise Failure(f'the screen does not show {text!r} within {self.timeout:g} s')
            if self.proc.poll() is not None:
                raise Failure(f'the program ended with status {self.proc.returncode}')
            for text_no in self.refused:
                if text_no.decode() in self.screen_text():
                    raise Failure(f'the screen says {text_no.decode()!r}')
            self.pump(0.5)
        return self.elapsed()

    def type(self, text):
        for ch in text + '\n':
            if ch.isupper():
                key = 'shift-' + ch.lower()
            else:
                key = KEYS.get(ch, ch)
            self.monitor(f'sendkey {key}')
            self.pump(0.15)  # a key is held for 100 ms

    def dump(self, name):
        if os.path.exists(name):
            os.unlink(name)
        self.monitor(f'screendump {name}')
        limit = time.monotonic() + 10
        while not os.path.exists(name) or not os.path.getsize(name):
            if time.monotonic() > limit:
                raise Failure(f'screendump wrote no {name}: {self.reply.strip()!r}')
            self.pump(0.1)
        self.pump(0.2)

    def dump_until(self, name, come, what):
        limit = time.monotonic() + self.timeout
        self.dump(name)
        while not come():
            if time.monotonic() > limit:
                raise Failure(f'{what} is not on the screen within {self.timeout:g} s')
            self.pump(1.0)
            self.dump(name)

    def picture(self, args):
        name, part = args.split()
        self.dump_until(name, lambda: picture.find(name, part), part)

    def words(self, args):
        name, text = args.split(' ', 1)
        last = [b'']

        def says():
            """Reading takes seconds: what has not changed is not read again."""
            with open(name, 'rb') as file:
                now = file.read()
            if now == last[0]:
                return False
            last[0] = now
            return text in read_words(name)

        self.dump_until(name, says, repr(text))

    def row(self, args):
        name, y = args.split()

        def drawn():
            width, _, rgb = picture.load(name)
            line = rgb[int(y) * width * 3:(int(y) + 1) * width * 3]
            return line != line[:3] * width

        self.dump_until(name, drawn, f'row {y}')

    def still(self, name):
        limit = time.monotonic() + self.timeout
        last, since = None, 0.0
        while True:
            self.dump(name)
            with open(name, 'rb') as file:
                now = file.read()
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since >= 3:
                return
            if time.monotonic() > limit:
                raise Failure(f'the screen does not come to rest within {self.timeout:g} s')
            self.pump(0.5)

    def cpu_seconds(self):
        with open(f'/proc/{self.proc.pid}/stat', encoding='ascii', errors='replace') as file:
            fields = file.read().rsplit(') ', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def wait(self, seconds):
        limit = time.monotonic() + seconds
        while time.monotonic() < limit and self.pump(min(1.0, max(0.0, limit - time.monotonic()))):
            pass

    def idle(self, args):
        seconds, percent = map(float, args.split())
        used, start = self.cpu_seconds(), time.monotonic()
        self.wait(seconds)
        share = 100 * (self.cpu_seconds() - used) / (time.monotonic() - start)
        print(f'{self.elapsed():7.2f} s  {share:.2f} % of a processor while idle', flush=True)
        if share > percent:
            raise Failure(f'an idle guest uses {share:.2f} % of a processor, more than {percent:g} %')

    def guest_time(self):
        """(host's time, guest's uptime) in seconds at one moment: the quickest of ten answers"""
        best = None
        for _ in range(10):
            asked = time.monotonic()
            self.send("echo up=$(cut -d' ' -f1 /proc/uptime)=")
            limit = asked + self.timeout
            while not (match := re.search(rb'up=([0-9.]+)=', self.out[self.seen:])):
                if time.monotonic() > limit or not self.pump(1.0):
                    raise Failure('the guest does not tell its uptime')
            answered = time.monotonic()
            self.seen += match.end()
            if best is None or answered - asked < best[0]:
                best = (answered - asked, (asked + answered) / 2, float(match.group(1)))
        return best[1:]

    def drift(self, args):
        seconds, percent = map(float, args.split())
        host, guest = self.guest_time()
        self.wait(seconds)
        host2, guest2 = self.guest_time()
        off = 100 * ((guest2 - guest) / (host2 - host) - 1)
        print(f'{self.elapsed():7.2f} s  the guest counted {guest2 - guest:.2f} s in {host2 - host:.2f} s: {off:+.3f} %',
              flush=True)
        if abs(off) > percent:
            raise Failure(f"the guest's clock is {off:+.3f} % off")

    def exit(self, status):
        limit = time.monotonic() + self.timeout
        while self.proc.poll() is None:
            if time.monotonic() > limit:
                raise Failure(f'the program does not end within {self.timeout:g} s')
            if not self.pump(0.2):
                time.sleep(0.05)
        if self.proc.returncode != status:
            raise Failure(f'the program ended with status {self.proc.returncode}, not {status}')

    def stderr_text(self):
        self.err.seek(0)
        return self.err.read().decode(errors='replace')

    def close(self):
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(3)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        if self.mon:
            self.mon.close()
        self.err.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def content(vm, name):
    if name in vm.kept:
        return vm.kept[name]
    with open(name, 'rb') as file:
        return file.read()


def compare(vm, a, b, want_equal):
    if (content(vm, a) == content(vm, b)) != want_equal:
        raise Failure(f'{a} and {b} are ' + ('different' if want_equal else 'equal'))


def on_host(command, timeout):
    """A shell command of the host's. One that takes too long is ended with all that it has started."""
    proc = subprocess.Popen(command, shell=True, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        status = proc.wait(timeout)
    except subprocess.TimeoutExpired:
        raise Failure(f'not done on the host within {timeout:g} s: {command}') from None
    finally:
        if proc.poll() is None:
            os.killpg(proc.pid, signal.SIGKILL)
            proc.wait()
    if status:
        raise Failure(f'failed on the host with status {status}: {command}')


def step(vm, word, arg):
    if word == 'timeout':
        vm.timeout = float(arg)
    elif word in ('expect', 'send', 'screen', 'type', 'dump', 'picture', 'row', 'words', 'still', 'idle', 'drift', 'monitor'):
        getattr(vm, word)(arg)
    elif word == 'noscreen':
        if arg in vm.screen_text():
            raise Failure(f'the screen shows {arg!r}')
    elif word == 'answer':
        if arg not in vm.reply:
            raise Failure(f'the monitor did not answer {arg!r} but {vm.reply.strip()!r}')
    elif word == 'refuse':
        vm.refused.append(arg.encode())
    elif word in ('differ', 'same'):
        compare(vm, *arg.split(), word == 'same')
    elif word == 'keep':
        name, row = arg.split()
        vm.kept[name] = vm.screen_text().split('\n')[int(row)]
    elif word == 'host':
        on_host(arg, vm.timeout)
    elif word == 'sleep':
        vm.wait(float(arg))
    elif word == 'exit':
        vm.exit(int(arg or '0'))
    elif word == 'say':
        print(f'{vm.elapsed():7.2f} s  {arg}', flush=True)
    else:
        raise Failure(f'unknown step {word!r}')


def report(vm, line, why):
    out = sys.stderr
    out.write(f'expect: {line}: {why}\n')
    for line in vm.stderr_text().splitlines()[-10:]:
        out.write(f'expect: stderr: {line}\n')
    tail = vm.out.decode(errors='replace').replace('\r', '').splitlines()[-15:]
    for line in tail:
        out.write(f'expect: serial: {line}\n')
    if vm.proc.poll() is None:
        try:
            vm.timeout = 5
            for line in vm.screen_text().splitlines():
                if line:
                    out.write(f'expect: screen: {line}\n')
            regs = vm.monitor('info registers').splitlines()
            for line in [r for r in regs if re.search('IP=|CR0=|EAX|ESP', r)][:4]:
                out.write(f'expect: registers: {line}\n')
        except (Failure, OSError):
            pass


def main():
    args, timeout, transcript = sys.argv[1:], 60.0, None
    while args and args[0] in ('-t', '-o'):
        if args[0] == '-t':
            timeout = float(args[1])
        else:
            transcript = args[1]
        args = args[2:]
    if not args:
        sys.exit(__doc__)
    steps = [line.strip() for line in sys.stdin]
    vm, status, line = Vm(args, timeout), 0, ''
    try:
        for line in steps:
            if line and not line.startswith('#'):
                word, _, arg = line.partition(' ')
                step(vm, word, arg)
    except (Failure, OSError) as why:
        report(vm, line, why)
        status = 1
    finally:
        if transcript:
            with open(transcript, 'wb') as file:
                file.write(vm.out)
        vm.close()
    sys.exit(status)


if __name__ == '__main__':
    main()
