#!/usr/bin/env python3
"""qmp.py DRAGOMAN... - start the program with -qmp and speak the machine protocol with it as management programs do.

Ends with status 0 if every answer is as it must be.
"""
import json, os, socket, subprocess, sys, tempfile, time


class Session:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            try:
                self.s.connect(path)
                break
            except OSError:
                time.sleep(0.1)
        self.s.settimeout(60)
        self.f = self.s.makefile("r", encoding="utf-8")
        self.events = []

    def line(self):
        return json.loads(self.f.readline())

    def answer(self):
        while True:
            j = self.line()
            if "event" not in j:
                return j
            self.events.append(j["event"])

    def send(self, text):
        self.s.sendall(text.encode())

    def do(self, name, **args):
        j = {"execute": name, "id": name}
        if args:
            j["arguments"] = {k.replace("_", "-"): v for k, v in args.items()}
        self.send(json.dumps(j) + "\n")
        r = self.answer()
        assert r.get("id") == name, r
        return r.get("return", r.get("error"))

    def wait(self, event):
        while event not in self.events:
            j = self.line()
            if "event" in j:
                self.events.append(j["event"])
                assert j["timestamp"]["seconds"] > 1e9, j
        self.events.remove(event)


def steer(path, folder):
    q = Session(path)
    hello = q.line()
    assert hello["QMP"]["version"]["qemu"]["major"] >= 7 and "capabilities" in hello["QMP"], hello
    assert q.do("query-status")["class"] == "CommandNotFound"
    assert q.do("qmp_capabilities") == {}
    assert q.do("query-status")["status"] == "running"
    # pieces, two at once, something that is no JSON, and a command that does not exist
    q.send('{"execute": "query-')
    time.sleep(0.2)
    q.send('name"}{"execute":"query-kvm"}\n')
    assert q.answer() == {"return": {"name": "box"}}
    assert q.answer()["return"] == {"enabled": False, "present": False}
    q.send("stop please\n")
    assert q.answer()["error"]["class"] == "GenericError"
    assert q.do("frobnicate")["class"] == "CommandNotFound"
    assert {"name": "screendump"} in q.do("query-commands")
    assert q.do("stop") == {}
    q.wait("STOP")
    assert q.do("query-status")["running"] is False
    assert "RIP=" in q.do("human-monitor-command", command_line="info registers")
    assert q.do("screendump")["desc"] == "Parameter 'filename' is missing"
    assert q.do("screendump", filename=folder + "/s.ppm") == {}
    assert open(folder + "/s.ppm", "rb").read(2) == b"P6"
    assert "class" in q.do("screendump", filename=folder + "/no/such/s.ppm")
    drives = {d["device"]: d for d in q.do("query-block")}
    assert drives["ide0-hd0"]["inserted"]["image"]["virtual-size"] == 1 << 20, drives
    assert drives["ide1-cd0"]["removable"] is True
    assert q.do("send-key", keys=[{"type": "qcode", "data": "ctrl"}, {"type": "qcode", "data": "a"}]) == {}
    assert "class" in q.do("send-key", keys=[{"type": "qcode", "data": "nokey"}])
    assert q.do("input-send-event", events=[{"type": "rel", "data": {"axis": "x", "value": 5}}]) == {}
    assert q.do("cont") == {}
    q.wait("RESUME")
    assert q.do("system_reset") == {}
    q.wait("RESET")
    q.s.close()
    # a second client begins anew
    q = Session(path)
    assert "QMP" in q.line()
    assert q.do("qmp_capabilities") == {}
    assert q.do("quit") == {}
    q.wait("SHUTDOWN")


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/qmp"
        with open(folder + "/disk", "wb") as f:
            f.truncate(1 << 20)
        p = subprocess.Popen(sys.argv[1:] + ["-name", "box", "-m", "16", "-display", "none", "-monitor", "none", "-nic", "none",
                             "-qmp", "unix:%s,server=on,wait=off" % path, "-drive", "file=%s/disk,format=raw" % folder])
        try:
            steer(path, folder)
            assert p.wait(20) == 0
        finally:
            if p.poll() is None:
                p.kill()


main()
