#!/usr/bin/env python3
"""timeline.py - judge a Perfetto trace decoded by protoc (text on standard input).

Fails unless every packet is a known one, time never runs backwards, every event is on a declared track, every end has a
begin, flows end where they began, a device's flow at the handler of its interrupt. Prints the time of the last event and a line "TRACK: NAME COUNT SECONDS" for
each kind of slice or event.
"""
import re
import sys
from collections import Counter, defaultdict


def trees(lines):
    """One dictionary a packet: field -> list of values, nested messages as dictionaries."""
    stack = []
    for line in lines:
        line = line.strip()
        if line == '}':
            done = stack.pop()
            if not stack:
                yield done
            continue
        nested = line.endswith(' {')
        key, value = (line[:-2], defaultdict(list)) if nested else line.split(': ', 1)
        if key.isdigit():
            sys.exit(f'a field that the format does not have: {line}')
        if stack:
            stack[-1][key].append(value if nested else value.strip('"'))
        if nested:
            stack.append(value)


class Sequence:
    """What the packets of a sequence leave out: who reads them has to keep it from earlier ones."""

    def __init__(self):
        self.valid, self.clocks, self.clock, self.track, self.names, self.notes = False, {}, None, None, {}, {}

    def learn(self, p):
        if int(p['sequence_flags'][0] if 'sequence_flags' in p else 0) & 1:
            self.__init__()
            self.valid = True
        for s in p['clock_snapshot']:
            for c in s['clocks']:
                if c['clock_id'][0] != '6' and (not c['is_incremental'] or c['unit_multiplier_ns'] != ['1']):
                    sys.exit('a clock that is neither the boot clock nor incremental in nanoseconds')
                self.clocks[c['clock_id'][0]] = int(c['timestamp'][0])
        for d in p['trace_packet_defaults']:
            self.clock = d['timestamp_clock_id'][0]
            self.track = d['track_event_defaults'][0]['track_uuid'][0]
        for d in p['interned_data']:
            for field, table in ('event_names', self.names), ('debug_annotation_names', self.notes):
                for entry in d[field]:
                    if entry['iid'][0] in table:
                        sys.exit(f'the number {entry["iid"][0]} is given out twice')
                    table[entry['iid'][0]] = entry['name'][0]

    def event(self, p):
        """the event of a packet, nothing left out: field -> list of values, annotations as note.NAME"""
        e = p['track_event'][0]
        if not self.valid or self.clock not in self.clocks:
            sys.exit('an event before its sequence has begun')
        self.clocks[self.clock] += int(p['timestamp'][0])
        out = defaultdict(list, {k: v for k, v in e.items() if k != 'debug_annotations'})
        out['timestamp'] = [str(self.clocks[self.clock])]
        if 'track_uuid' not in e:
            out['track_uuid'] = [self.track]
        if 'name_iid' in e:
            out['name'] = [self.names[e['name_iid'][0]]]
        for note in e['debug_annotations']:
            name = self.notes[note['name_iid'][0]]
            out['note.' + name] += [note[k][0] for k in note if k.endswith('_value')]
        return out


def packets(lines):
    """One dictionary a track or event: field -> list of values"""
    sequences = defaultdict(Sequence)
    for p in trees(lines):
        if 'trusted_packet_sequence_id' not in p:
            sys.exit('a packet of no sequence')
        sequence = sequences[p['trusted_packet_sequence_id'][0]]
        sequence.learn(p)
        if 'track_descriptor' in p:
            yield p['track_descriptor'][0]
        if 'track_event' in p:
            yield sequence.event(p)


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
        for field in p:
            if field.startswith('note.'):
                count['annotations: ' + field[5:]] += 1
        for f in p['flow_ids']:
            flows[f] = name
        for f in p['terminating_flow_ids']:
            if f not in flows:
                sys.exit(f'flow {f} ends without a beginning')
            begun = re.search(r'IRQ \d+|interrupt [0-9a-f]{2}$', flows[f])
            if begun and begun[0] not in name:
                sys.exit(f'a flow from "{flows[f]}" ends at "{name}"')
            count[f'flow from {flows[f]}'] += 1
    print(f'until {now / 1e9:.6f}')
    for name in sorted(count):
        print(f'{name} {count[name]} {seconds[name] / 1e9:.6f}')


if __name__ == '__main__':
    sys.stdin.reconfigure(errors='replace')
    main()
