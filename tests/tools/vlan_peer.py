#!/usr/bin/env python3
"""vlan_peer.py - the other end of a cable (-netdev socket,connect=): answers ARP and pings of one VLAN.

usage: vlan_peer.py PORT VLAN ADDRESS FILE

FILE gets "tagged N, untagged M, wrong K" each time something came: frames of that VLAN, without a tag, and tagged otherwise or with IP
checksums that are not right.
"""
import socket
import struct
import sys

MAC = bytes.fromhex("5254000000aa")


def total(data):
    if len(data) & 1:
        data += b"\0"
    s = sum(struct.unpack(f">{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return s


def answer(payload, kind, address):
    """what goes back for what came behind the tag, or None"""
    if kind == 0x0806 and payload[6:8] == b"\0\1" and payload[24:28] == address:
        return kind, payload[:6] + b"\0\2" + MAC + address + payload[8:18]
    if kind != 0x0800 or payload[9] != 1 or payload[16:20] != address or payload[20] != 8:
        return None
    n = struct.unpack(">H", payload[2:4])[0]
    icmp = b"\0\0\0\0" + payload[24:n]
    icmp = b"\0\0" + struct.pack(">H", ~total(icmp) & 0xFFFF) + icmp[4:]
    return kind, payload[:12] + payload[16:20] + payload[12:16] + icmp


def main():
    port, vlan, address = int(sys.argv[1]), int(sys.argv[2]), socket.inet_aton(sys.argv[3])
    count = {"tagged": 0, "untagged": 0, "wrong": 0}
    server = socket.create_server(("127.0.0.1", port))
    s = server.accept()[0]
    stream = s.makefile("rb")
    while True:
        head = stream.read(4)
        if len(head) < 4:
            return
        f = stream.read(struct.unpack(">I", head)[0])
        if f[12:14] != b"\x81\0":
            count["untagged"] += 1
        else:
            kind, payload = struct.unpack(">H", f[16:18])[0], f[18:]
            good = struct.unpack(">H", f[14:16])[0] & 0xFFF == vlan and (kind != 0x0800 or total(payload[:20]) == 0xFFFF)
            count["tagged" if good else "wrong"] += 1
            back = answer(payload, kind, address) if good else None
            if back:
                g = f[6:12] + MAC + b"\x81\0" + f[14:16] + struct.pack(">H", back[0]) + back[1]
                g = g.ljust(60, b"\0")
                s.sendall(struct.pack(">I", len(g)) + g)
        with open(sys.argv[4], "w", encoding="ascii") as out:
            out.write(", ".join(f"{k} {v}" for k, v in count.items()) + "\n")


main()
