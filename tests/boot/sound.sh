#!/bin/sh
# Sound, heard in a WAV file: Debian's stock drivers for the AC97 card and the Sound Blaster 16 play tones of known frequency, length and loudness at two
# rates and two sample formats; the kernel rings the bell on the PC speaker. -audiodev's mistakes are told.
# accel: jit
. "$(dirname "$0")/../tools/boot.sh"
mkdir -p "$dir/root/bin"
gcc -m32 -O2 -nostdlib -static -fno-pic -fno-stack-protector -Wl,--build-id=none -o "$dir/root/bin/tone" "$tools/guest-tone.c" ||
	fail "cannot compile guest-tone.c"
k=$(guest kernel 686) && guest drivers 686 "$dir/initrd" snd-intel8x0 snd-pcm-oss snd-mixer-oss pcspkr >/dev/null || fail "no guest"
(cd "$dir/root" && find . | cpio -o -H newc --quiet | gzip) >>"$dir/initrd" || fail "no initramfs"
vm 90 -m 128 -kernel "$k" -initrd "$dir/initrd" -append 'console=ttyS0 quiet' -audiodev "wav,id=card,path=$dir/card.wav" \
	-audiodev "wav,id=speaker,path=$dir/speaker.wav,out.frequency=48000" -device AC97,audiodev=card \
	-machine pcspk-audiodev=speaker <<'END' || fail "conversation failed"
refuse not found
expect guest ready
send for m in snd-intel8x0 snd-pcm-oss snd-mixer-oss pcspkr; do sh /lib/$m; done; mdev -s; cat /proc/asound/cards
expect Intel 82801AA-ICH
send tone 44100 440 1000 16; echo played $?; sleep 1; tone 22050 1000 700 8; echo played again $?
expect played 0
expect played again 0
send printf '\a' >/dev/tty1; sleep 1; grep -c ICH /proc/interrupts
expect 1
send poweroff -f
exit 0
END
python3 "$tools/tones.py" "$dir/card.wav" 440 1 16383 8191 1000 0.7 16256 8064 || fail "not the tones that were played"
python3 "$tools/tones.py" "$dir/speaker.wav" 750 0.125 8000 8000 || fail "not the kernel's bell"
guest drivers 686 "$dir/initrd" snd-sb16 snd-pcm-oss snd-mixer-oss >/dev/null || fail "no guest"
(cd "$dir/root" && find . | cpio -o -H newc --quiet | gzip) >>"$dir/initrd" || fail "no initramfs"
vm 90 -m 128 -kernel "$k" -initrd "$dir/initrd" -append 'console=ttyS0 quiet' -audiodev "wav,id=card,path=$dir/sb.wav" \
	-device sb16,irq=7 <<'END' || fail "conversation failed (sb16)"
refuse not found
expect guest ready
send sed 's/snd-sb16.ko/& isapnp=0 port=0x220 irq=7 dma8=1 dma16=5/' /lib/snd-sb16 | sh; for m in snd-pcm-oss snd-mixer-oss; do sh /lib/$m; done; mdev -s; cat /proc/asound/cards
expect Sound Blaster 16
send tone 44100 440 1000 16; echo played $?; sleep 1; tone 22050 1000 700 8; echo played again $?
expect played 0
expect played again 0
send poweroff -f
exit 0
END
python3 "$tools/tones.py" "$dir/sb.wav" 440 1 2596 1298 1000 0.7 2570 1285 || fail "not the tones that were played (sb16)"
refused() { # WORDS OPTION...
	words=$1
	shift
	"$DRAGOMAN" "$@" -display none 2>"$dir/err" </dev/null && fail "accepted: $*"
	grep -qF -- "$words" "$dir/err" || { cat "$dir/err" >&2; fail "$*: not the words '$words'"; }
}
refused "no -audiodev has the id 'x'" -device AC97,audiodev=x
refused "did you mean 'wav'" -audiodev wave,id=a
refused "has no id=" -audiodev wav
refused "cannot write the sound file" -audiodev "wav,id=a,path=$dir/none/x.wav"
