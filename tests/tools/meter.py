"""meter.py - processor time of a program on a host that is shared with others.

Where neighbours use the same core or its caches, the same work takes 0.6 to 1.6 s of processor time from one minute to the next. So the
program is held for a millisecond every dozen, and a loop that always does the same runs on its processor meanwhile. Time counts
as if that loop had always taken REFERENCE seconds. Program and loop must share a processor: begin() binds the caller, and so what it starts.
"""
import ctypes
import os
import signal
import subprocess
import tempfile
import threading
import time

REFERENCE = 0.001
LOOP = r'''
#include <stdint.h>
#include <time.h>
static uint64_t words[4096];
double loop(void)
{
	uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
	struct timespec t0, t1;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t0);
	for (unsigned round = 0; round < 1000; round++)
		for (unsigned i = 0; i < 4096; i += 8) {
			a += words[i] ^ round;
			b ^= words[i + 1] + round;
			c += words[i + 2];
			d -= words[i + 3];
			e += words[i + 4] ^ i;
			f ^= words[i + 5] + i;
			if ((a ^ i) & 64)
				b++;
		}
	words[0] = a + b + c + d + e + f;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t1);
	return t1.tv_sec - t0.tv_sec + (t1.tv_nsec - t0.tv_nsec) / 1e9;
}
'''


def begin(processor):
    """The loop, as a function that says how many seconds it took"""
    os.sched_setaffinity(0, {processor})
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(['gcc', '-O1', '-shared', '-fPIC', '-x', 'c', '-', '-o', f'{directory}/loop.so'], input=LOOP, text=True, check=True)
        loop = ctypes.CDLL(f'{directory}/loop.so').loop
    loop.restype = ctypes.c_double
    return loop


class Meter(threading.Thread):
    """of process @pid, whose processor time @seconds() tells (any tuple of numbers), with what begin() returned"""

    def __init__(self, pid, seconds, loop):
        super().__init__(daemon=True)
        self.pid, self.seconds, self.loop = pid, seconds, loop
        self.lock, self.going = threading.Lock(), True
        self.last, self.took = seconds(), loop()
        self.total = tuple(0.0 for _ in self.last)
        self.start()

    def add(self, now, took):
        self.total = tuple(t + (n - l) / took * REFERENCE for t, n, l in zip(self.total, now, self.last))
        self.last = now

    def run(self):
        while self.going:
            time.sleep(0.012)
            with self.lock:
                try:
                    os.kill(self.pid, signal.SIGSTOP)
                    took = self.loop()
                    self.add(self.seconds(), (took + self.took) / 2)
                    self.took = took
                    os.kill(self.pid, signal.SIGCONT)
                except (ProcessLookupError, FileNotFoundError):
                    return

    def now(self):
        with self.lock:
            self.add(self.seconds(), self.took)
            return self.total

    def stop(self):
        self.going = False
        self.join()
