#!/bin/sh
# USB: Linux finds the controller, a tablet and a keyboard by its own drivers; positions, buttons and keys arrive as events.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
k=$(guest kernel 686) && guest drivers 686 "$dir/initrd.gz" uhci_hcd usbhid hid_generic evdev >"$dir/out" || fail "no guest"
cat >"$dir/point" <<'END'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rw")
f.readline()
for c in [{"execute": "qmp_capabilities"}, {"execute": "input-send-event", "arguments": {"events": [
        {"type": "abs", "data": {"axis": "x", "value": 8192}}, {"type": "abs", "data": {"axis": "y", "value": 24576}}]}}]:
    print(json.dumps(c), file=f, flush=True)
    assert "return" in json.loads(f.readline())
END
export dir
vm 90 -qmp "unix:$dir/qmp,server=on,wait=off" -m 128 -usb -device usb-tablet -device usb-kbd -kernel "$k" -initrd "$dir/initrd.gz" -append 'console=ttyS0 quiet' <<'END' || fail "conversation failed"
refuse Kernel panic
refuse BUG:
expect guest ready
send for m in uhci_hcd usbhid hid_generic evdev; do sh /lib/$m; done; sleep 3; grep -c Dragoman /proc/bus/input/devices
expect 2
say tablet and keyboard are found
send of() { sed -n "/Dragoman $1/,/^$/s/.*\(event[0-9]*\).*/\1/p" /proc/bus/input/devices; }; hd() { timeout 20 dd if=/dev/input/$(of $1) bs=16 count=$2 2>/dev/null | hexdump -v -e '16/1 "%02x" "\n"' | cut -c17- | tr '\n' ,; echo END; }
send hd Tablet 3 & sleep 2; echo RE""ADY
expect READY
# the prompt is written, and asks where the cursor is: what comes now is not in the middle of it
expect [6n
monitor mouse_move 360 200
# type, code, value: EV_ABS X, EV_ABS Y, SYN: half of the 720x400 text screen
expect 0300000016400000,0300010028400000,0000000000000000,
say a position
send hd Tablet 3 & sleep 2; echo RE""ADY
expect READY
expect [6n
host python3 "$dir/point" "$dir/qmp"
expect 0300000000200000,
say a position by QMP
send hd Tablet 3 & sleep 2; echo RE""ADY
expect READY
expect [6n
monitor mouse_button 1
# MSC_SCAN 90001h, KEY BTN_LEFT pressed
expect 0400040001000900,0100100101000000,0000000000000000,
say a button
send hd Keyboard 3 & sleep 2; echo RE""ADY
expect READY
expect [6n
monitor sendkey a
# MSC_SCAN 70004h, KEY_A
expect 0400040004000700,01001e0001000000,0000000000000000,
say a key
send poweroff -f
exit 0
END
