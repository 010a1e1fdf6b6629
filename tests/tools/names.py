#!/usr/bin/env python3
"""names.py - a name server of one name on 127.0.0.1, UDP port 53 (for a network namespace of its own).

Usage: names.py NAME ADDRESS LOG   LOG gets a line "bound", then every name that is asked for. Other names do not exist (NXDOMAIN).
"""
import socket
import struct
import sys


def question(q):
    """its name, its type, where it ends"""
    labels, at = [], 12
    while q[at]:
        labels.append(q[at + 1:at + 1 + q[at]].decode('ascii', 'replace'))
        at += 1 + q[at]
    return '.'.join(labels), struct.unpack('>H', q[at + 1:at + 3])[0], at + 5


def answer(q, name, address):
    asked, kind, end = question(q)
    known = asked.lower() == name
    found = known and kind == 1
    head = q[:2] + struct.pack('>5H', 0x8580 | (0 if known else 3), 1, int(found), 0, 0)
    record = b'\xc0\x0c' + struct.pack('>HHIH', 1, 1, 60, 4) + socket.inet_aton(address) if found else b''
    return asked, head + q[12:end] + record


def main():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('127.0.0.1', 53))
    with open(sys.argv[3], 'w', encoding='utf-8', buffering=1) as log:
        print('bound', file=log)
        while True:
            q, peer = s.recvfrom(512)
            try:
                asked, back = answer(q, sys.argv[1], sys.argv[2])
            except (IndexError, struct.error):
                continue
            print(asked, file=log)
            s.sendto(back, peer)


main()
