#!/usr/bin/env python3
"""timeline.py - judge a Perfetto trace decoded by protoc (text on standard input).

Fails unless every packet is a known one, time never runs backwards, every event is on a declared track, every end has a
begin, flows end where they began, a device's flow at the handler of its interrupt. Prints a line "TRACK: NAME COUNT SECONDS" for each kind of slice or event.
"""
import re
import sys
from collections import Counter, defaultdict


def packets(lines):
    """One dictionary a packet: field -> list of values; nested messages flattened by name."""
    packet, depth = None, 0
    for line in lines:
        line = line.strip()
        if line.endswith('{'):
            depth += 1
            if depth == 1:
                packet = defaultdict(list)
        elif line == '}':
            depth -= 1
            if depth == 0:
                yield packet
        else:
            key, value = line.split(': ', 1)
            if key.isdigit():
                sys.exit(f'a field that the format does not have: {line}')
            packet[key if depth < 3 else 'note.' + key].append(value.strip('"'))


def main():
    tracks, stacks, flows = {}, defaultdict(list), {}
    count, seconds, now = Counter(), Counter(), 0
    for p in packets(sys.stdin):
        if 'uuid' in p:
            tracks[p['uuid'][0]] = p['name'][0]
            continue
        at, track, kind = int(p['timestamp'][0]), p['track_uuid'][0], p['type'][0]
        if at < now:
            sys.exit(f'time runs backwards: {at} after {now}')
        now = at
        if track not in tracks:
            sys.exit(f'an event on track {track}, which nobody declared')
        name = tracks[track] + ': ' + (p['name'][0] if 'name' in p else '')
        if kind == 'SLICE_END':
            if not stacks[track]:
                sys.exit(f'{tracks[track]}: an end without a begin at {at}')
            start, name = stacks[track].pop()
            seconds[name] += at - start
        else:
            count[name] += 1
            if kind == 'SLICE_BEGIN':
                stacks[track].append((at, name))
        if p['double_counter_value'] and float(p['double_counter_value'][0]) > 0:
            count[f'{name}above 0'] += 1
        for f in p['flow_ids']:
            flows[f] = name
        for f in p['terminating_flow_ids']:
            if f not in flows:
                sys.exit(f'flow {f} ends without a beginning')
            begun = re.search(r'IRQ \d+|interrupt [0-9a-f]{2}$', flows[f])
            if begun and begun[0] not in name:
                sys.exit(f'a flow from "{flows[f]}" ends at "{name}"')
            count[f'flow from {flows[f]}'] += 1
    for name in sorted(count):
        print(f'{name} {count[name]} {seconds[name] / 1e9:.6f}')


if __name__ == '__main__':
    sys.stdin.reconfigure(errors='replace')
    main()
