/*
 * test_args.c - command lines that must be understood, and those that must be refused in one line.
 */
#define _GNU_SOURCE
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "frontend/args.h"
#include "frontend/args_spec.h"
#include "jit/host/backend.h"

#define MAX_WORDS 40

/* Parse a blank-separated command line; @a stays valid until args_free(), @words holds its text. */
static enum vm_err parse(struct args *a, char *words, struct err *e)
{
	char *argv[MAX_WORDS] = {"dragoman"}, *save = NULL;
	enum args_what what;
	int argc = 1;

	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		ck_assert_int_lt(argc, MAX_WORDS - 1);
		argv[argc++] = w;
	}
	memset(e, 0, sizeof(*e));
	return args_parse(a, argc, argv, &what, e);
}

static const struct {
	const char *line, *says; /* a part of the message */
} bad[] = {
	{"-hda0 x", "'-hda"},
	{"-memory 64", "unknown option '-memory'"},
	{"-nographics", "did you mean '-nographic'"},
	{"--snapshoot", "did you mean '-snapshot'"},
	{"-m", "needs an argument"},
	{"-m 0", "-m: 0 is out of range"},
	{"-m 64X", "'64X' is not a memory size"},
	{"-m 999999T", "out of range"},
	{"-m -5", "'-5' is not a memory size"},
	{"-m nan", "not a memory size"},
	{"-accel jitt", "did you mean 'jit'"},
	{"-accel kvm:vax", "unknown accelerator 'vax'"},
	{"-fw_cfg name=opt/x", "one of file= and string="},
	{"-fw_cfg opt/x,file=a,string=b", "one of file= and string="},
	{"-device pc-testdev,iobase=1", "no property 'iobase'"},
	{"-usbdevice tabletop", "did you mean 'tablet'"},
	{"-device usb-tablet -usbdevice tablet", "of that kind already"},
	{"-device usb-tablet -device usb-mouse -device usb-kbd", "they are taken"},
	{"-device usb-tablet,speed=1", "no property 'speed'"},
	{"-smbios version=1", "does not begin with type="},
	{"-smbios type=4,x=1", "only types 0 and 1"},
	{"-smbios type=1,sereal=1", "did you mean 'serial'"},
	{"-drive if=pflash,index=1,file=x", "needs a first"},
	{"-drive if=pflash,index=2,file=x", "index='2'"},
	{"-drive if=pflash,file=x -bios y", "-bios: 'y'"},
	{"-machine q35", "'q35'"},
	{"-smp 0", "at least one"},
	{"-smp cores=x", "'x'"},
	{"-smp core=2", "did you mean 'cores'"},
	{"-vga cirrus", "'cirrus'"},
	{"-display spice", "'spice'"},
	{"-boot z", "'z'"},
	{"-drive if=virtoi,file=x", "did you mean 'virtio'"},
	{"-drive if=virtio,file=x,index=8", "index='8'"},
	{"-device virtio-blk-pci", "needs drive="},
	{"-device virtconsole", "no virtio-serial-pci"},
	{"-device virtio-serial-pci -device virtio-serial", "all there can be"},
	{"-device virtio-serial -device virtconsole,nr=31", "out of range"},
	{"-device virtio-serial -device virtserialport,nr=2 -device virtserialport,nr=2", "port 2 is taken"},
	{"-device virtio-serial -device virtserialport,chardev=x", "no -chardev has the id 'x'"},
	{"-device virtio-serial -device virtserialport,size=1", "virtserialport has no property 'size'"},
	{"-device virtio-ballon-pci", "did you mean 'virtio-balloon-pci'"},
	{"-device virtio-balloon-pci,ports=1", "no property 'ports'"},
	{"-virtfs local,path=/tmp,mount_tag=t", "security_model=none, passthrough or mapped-xattr is needed"},
	{"-virtfs local,path=/tmp,mount_tag=t,security_model=mapped-file", "mapped-file is not supported: none, passthrough or mapped-xattr"},
	{"-virtfs local,path=/tmp,mount_tag=t,security_model=nane", "did you mean 'none'"},
	{"-virtfs local,path=/tmp,security_model=none", "mount_tag= of 1 to 32 characters is needed"},
	{"-virtfs local,mount_tag=t,security_model=none", "has no path="},
	{"-virtfs proxy,path=/tmp,mount_tag=t,security_model=none", "only 'local'"},
	{"-virtfs local,path=/tmp,mount_tag=t,security_model=none,read-only=on", "did you mean 'readonly'"},
	{"-fsdev local,path=/tmp,security_model=none", "has no id="},
	{"-fsdev local,id=f,path=/tmp,mount_tag=t,security_model=none", "mount_tag"},
	{"-device virtio-9p-pci,fsdev=f,mount_tag=t", "no -fsdev has the id 'f'"},
	{"-device virtio-9p-pci,mount_tag=t", "needs fsdev="},
	{"-fsdev local,id=f,path=/tmp,security_model=none -device virtio-9p-pci,fsdev=f,mount_tag=t -device virtio-9p-pci,fsdev=f,mount_tag=u", "shared already"},
	{"-virtfs local,path=/tmp,mount_tag=t,security_model=none -virtfs local,path=/,mount_tag=t,security_model=none", "two folders have the mount_tag 't'"},
	{"-device virtio-rng-pci,drive=x", "no property 'drive'"},
	{"-nic user,model=virtio-net-pc", "did you mean 'virtio-net-pci'"},
	{"-device ne2k_isa,iobase=0x3f8", "iobase='0x3f8' is none"},
	{"-device ne2k_isa,irq=12", "irq='12' is none"},
	{"-device ne2k_isa -device ne2k_isa", "two ne2k_isa at iobase=0x300"},
	{"-device ne2k_isa,addr=4", "unknown property 'addr'"},
	{"-device rtl8139,iobase=0x300", "unknown property 'iobase'"},
	{"-drive file=x,format=vhdx", "'vhdx'"},
	{"-drive file=x,index=4", "index='4'"},
	{"-drive fill=x", "unknown key 'fill'"},
	{"-drive if=ide", "names no file"},
	{"-hda a -drive file=b,index=0", "'b'"},
	{"-serial nosuch", "'nosuch'"},
	{"-serial chardev:c0", "'c0'"},
	{"-serial file", "needs ':'"},
	{"-serial unix:/x,sever=on", "'sever=on'"},
	{"-chardev null", "no id="},
	{"-device isa-debug-exitt", "did you mean 'isa-debug-exit'"},
	{"-device isa-debug-exit,iobase=70000", "'70000'"},
	{"-device isa-debug-exit,iosize=9", "iosize=9"},
	{"-device pvpanic,ioport=0", "ioport=0"},
	{"-device pvpanic,events=4", "out of range (0 to 3)"},
	{"-device pvpanic,iobase=1", "no property 'iobase'"},
	{"-device isa-debugcon", "needs chardev="},
	{"-global foobar=1", "'foobar=1'"},
	{"-rtc base=yesterday", "'yesterday'"},
	{"-uuid 1234", "'1234'"},
	{"-append quiet", "needs -kernel"},
	{"--pass=-nosuch", "'-nosuch'"},
	{"--ra=7", "'7'"},
	{"--host-mask=x", "unknown host feature 'x'"},
	{"--host-mask=aes,aesx", "did you mean 'aes'"},
	{"-nic users", "did you mean 'user'"},
	{"-nic user,model=e100", "did you mean 'e1000'"},
	{"-nic user,model=e1000,mac=1:2", "mac='1:2'"},
	{"-nic user,mac=01:00:00:00:00:01", "multicast"},
	{"-nic user,hostfwd=tcp:8080", "hostfwd='tcp:8080'"},
	{"-nic user,guestfwd=tcp:10.0.2.100:80", "guestfwd='tcp:10.0.2.100:80'"},
	{"-nic user,guestfwd=udp:10.0.2.100:80-cmd:cat", "guestfwd='udp:10.0.2.100:80-cmd:cat'"},
	{"-nic user,guestfwd=:10.0.2.100:80-file:x", "guestfwd=':10.0.2.100:80-file:x'"},
	{"-nic user,guestfwd=:10.0.2.100:80-tcp:127.0.0.1:99999", "-tcp:127.0.0.1:99999'"},
	{"-nic user,net=10.0.0.0/40", "net='10.0.0.0/40'"},
	{"-netdev user", "no id="},
	{"-netdev user,id=n,dns=x", "dns='x'"},
	{"-netdev user,id=n -netdev user,id=n", "'n' is taken"},
	{"-netdev user,id=n,ifname=x", "user has no property 'ifname'"},
	{"-netdev socket,id=n", "one of listen="},
	{"-device e1000,netdev=n", "no -netdev has the id 'n'"},
	{"-netdev user,id=n -device e1000,netdev=n -device e1000,netdev=n", "has a card already"},
	{"-device e1000,addr=40", "addr='40'"},
	{"-object filter-dump,id=f,netdev=n,file=x", "no -netdev has the id 'n'"},
	{"-object filter-dump,id=f", "needs netdev= and file="},
	{"-drive file=x,cache=some", "unknown cache mode 'some'"},
	{"-drive file=x,werror=panic", "unknown error policy 'panic'"},
	{"-drive file=x,rerror=enospc", "unknown error policy 'enospc'"},
	{"-action reboot=halt", "'reboot=halt'"},
	{"-display sdll", "did you mean 'sdl'"},
	{"-display sdl,grab-mod=rctl", "did you mean 'rctrl'"},
	{"-display vnc", "vnc=:0"},
	{"-display vnc=x", "'x'"},
	{"-vnc :x", "':x'"},
	{"-vnc :10000", "':10000'"},
	{"-display curses -serial stdio", "stdio is in use by -serial"},
	{"-vga sdt", "did you mean 'std'"},
	{"-machine pd", "did you mean 'pc'"},
	{"-machine pc,acell=jit", "did you mean 'accel'"},
	{"-machine pc,accel=xyz", "'xyz'"},
	{"-drive file=x,media=cdrim", "did you mean 'cdrom'"},
	{"-drive file=x,if=flopy", "did you mean 'floppy'"},
	{"-drive file=x,if=floppy,index=2", "index='2'"},
	{"-drive file=x,cach=none", "did you mean 'cache'"},
	{"-fda a -drive file=b,if=floppy,index=0", "'b'"},
	{"-device ide-hd", "needs drive="},
	{"-device ide-hd,drive=d0", "'d0'"},
	{"-drive file=x,id=d0 -device ide-hd,drive=d0", "'d0' is in use"},
	{"-device ide-cd,drive=d0,bus=ide.2", "'ide.2'"},
	{"-global isa-debugcon.iobas=1", "did you mean 'isa-debugcon.iobase'"},
	{"-chardev stdoi,id=a", "did you mean 'stdio'"},
	{"-chardev null,id=a -chardev null,id=a", "the id 'a' is taken"},
	{"-chardev null,id=a -serial chardev:a -parallel chardev:a", "mux=on"},
	{"-serial stdio -monitor stdio", "stdio is in use by -serial"},
	{"-serial stdio -daemonize", "-daemonize"},
	{"-nographic -daemonize", "-daemonize"},
	{"-serial ppty", "did you mean 'pty'"},
	{"-parallel null -parallel null", "one parallel port"},
	{"-parallel chardev:x", "'x'"},
	{"-mon mode=readline", "names no chardev"},
	{"-mon c0,mode=controls", "did you mean 'control'"},
	{"-qmp unix:/x,sever=on", "'sever=on'"},
	{"-qmp stdio -serial stdio", "stdio is in use"},
	{"-boot order=cc", "twice"},
	{"-boot once=x", "'x'"},
	{"-boot mneu=on", "did you mean 'menu'"},
	{"-rtc clock=gost", "did you mean 'host'"},
	{"-icount shift=11", "out of range"},
	{"-icount nosuch=1", "'nosuch'"},
	{"-echr 300", "out of range"},
	{"-echr x", "'x'"},
	{"-k xx", "'xx'"},
	{"-name guest=a,proces=b", "did you mean 'process'"},
	{"-dtb x", "no device tree"},
	{"-trace nosuch", "'nosuch'"},
	{"-m 64,slots=x,maxmem=1G", "'x' is not a number"},
	{"-m 64,slots=2", "go together"},
	{"-m 64,slots=2,maxmem=32M", "less than the memory"},
	{"-machine memory-backend=m", "no -object has this id"},
	{"-m 64 -object memory-backend-ram,id=m,size=32M -machine memory-backend=m", "not that of -m"},
	{"-object memory-backend-ram,id=m", "needs id= and size="},
	{"-machine pc,pit=off", "part of this board"},
	{"-accel tcg,thread=foo", "unknown thread mode 'foo'"},
	{"-vnc :1,password=on", "password=on is not supported"},
	{"-vnc :1,websocket=on", "unknown option 'websocket'"},
	{"-drive file=fat:rw:/tmp,format=raw", "-virtfs shares folders"},
	{"-drive file=x,bps=100", "throttling is not supported"},
	{"-drive file=x,driver=vhdx", "'vhdx'"},
	{"-drive file=x,cache.direct=maybe", "not on or off"},
	{"-serial telnet", "needs ':'"},
	{"-serial telnet::1,sever", "'sever'"},
	{"-chardev socket,id=s,port=1,telnet=maybe", "not on or off"},
	{"-chardev tty,id=s", "needs path="},
	{"-device isa-serial", "needs chardev="},
	{"-chardev null,id=c -serial null -device isa-serial,chardev=c,index=0", "the place is taken"},
	{"-chardev null,id=c -device isa-serial,chardev=c,iobase=0x3e7", "iobase=0x3e7"},
	{"-device VGA,vgamem_mb=64", "no property 'vgamem_mb'"},
	{"-drive if=none,id=d,file=x -device ide-hd,drive=d,serial=123456789012345678901", "longer than 20"},
	{"-drive if=none,id=d,file=x -device virtio-blk-pci,drive=d,disable-modern=on", "no property 'disable-modern'"},
	{"-device nvme,drive=d", "unknown device 'nvme' ("},
	{"-device e1000,bootindex=x", "'x' is not a number"},
	{"-device e1000,bootindex=1 -device rtl8139,bootindex=1", "two devices have bootindex=1"},
	{"-drive if=none,id=d,file=x -device e1000,bootindex=0 -device ide-hd,drive=d,bootindex=0", "two devices have bootindex=0"},
	{"-watchdog-action explode", "'watchdog=explode'"},
	{"-option-rom x,index=1", "'index'"},
	{"-L 1 -L 2 -L 3 -L 4 -L 5", "at most 4 directories"},
	{"-audio none,model=hda", "'hda'"},
	{"-audio nane", "'nane'"},
	{"-soundhw hda", "'hda'"},
	{"-audiodev wav,id=a,out.channels=1", "out.channels=1"},
	{"-numa mode", "did you mean 'node'"},
	{"-dfilter 2..1", "-dfilter: '2..1'"},
	{"-dfilter 0x1000", "-dfilter: '0x1000'"},
	{"-d in,nosuch", "'nosuch'"},
	{"-d trace:nosuch", "'nosuch'"},
	{"-trap-log no", "'no'"},
};

START_TEST(refused)
{
	struct args a;
	struct err e;
	char words[256];

	if (!netdev_has_user() && strstr(bad[_i].line, "user,"))
		return; /* is refused for another reason */
	snprintf(words, sizeof(words), "%s", bad[_i].line);
	ck_assert_msg(parse(&a, words, &e) == VM_ERR_USAGE, "accepted: %s", bad[_i].line);
	ck_assert_msg(strstr(e.msg, bad[_i].says) != NULL, "%s: says \"%s\"", bad[_i].line, e.msg);
	ck_assert_msg(!strchr(e.msg, '\n'), "%s: more than one line", bad[_i].line);
	args_free(&a);
}
END_TEST

/* Neither the log, the pid file nor a backend may exist after a refused command line. */
START_TEST(nothing_opened)
{
	static const char *const files[] = {"/tmp/dg_args_log", "/tmp/dg_args_pid", "/tmp/dg_args_ser"};
	char words[] = "-D /tmp/dg_args_log -pidfile /tmp/dg_args_pid -serial file:/tmp/dg_args_ser -bogus";
	struct args a;
	struct err e;

	for (unsigned i = 0; i < ARRAY_SIZE(files); i++)
		unlink(files[i]);
	ck_assert_int_eq(parse(&a, words, &e), VM_ERR_USAGE);
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++)
		ck_assert_int_ne(access(files[i], F_OK), 0);
	args_free(&a);
}
END_TEST

/* The default card, and the ways to have another or none. */
START_TEST(network_cards)
{
	const struct { const char *words; unsigned cards; const char *netdev; } rows[] = {
		{"-m 64", 1, netdev_has_user() ? "#net0" : ""}, {"-nic none", 0, ""}, {"-net none", 0, ""}, {"-nodefaults", 0, ""},
		{"-netdev user,id=n", 0, ""}, {"-net nic -net user", 1, "#net0"},
		{"-net user -net nic,model=e1000,macaddr=52:54:00:00:00:09", 1, "#net0"},
		{"-netdev user,id=n -device e1000,netdev=n", 1, "n"}, {"-nic user -nic user", 2, "#net0"},
		{"-device e1000", 1, ""}};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		char words[128];
		struct args a;
		struct err e = {0};

		if (!netdev_has_user() && strstr(rows[i].words, "user"))
			continue;
		strcpy(words, rows[i].words);
		ck_assert_msg(parse(&a, words, &e) == VM_OK, "%s: %s", rows[i].words, e.msg);
		ck_assert_msg(a.nnics == rows[i].cards, "%s: %u cards", rows[i].words, a.nnics);
		if (a.nnics)
			ck_assert_str_eq(a.nic[0].netdev, rows[i].netdev);
		if (a.nnics == 2)
			ck_assert_uint_eq(a.nic[1].mac[5], 0x57);
		args_free(&a);
	}
}
END_TEST

START_TEST(good_machine)
{
	char words[] = "-M pc,accel=tcg --cpu pentium3,-sse -smp 1 -m 1.5G -accel interp -boot order=dc,menu=on "
		       "-nodefaults -no-reboot -S -nic none --pass=-help -vga none";
	char fine[] = "-M pc --cpu pentium3,-sse -smp 1 -m 1.5G -accel interp -boot order=dc,menu=on "
		      "-action reboot=shutdown,shutdown=pause -S -netdev none -vga none --ra=random:9 --one-insn "
		      "--host-mask=aes";
	char all[] = "--host-mask=all";
	struct args a;
	struct err e;

	ck_assert_int_eq(parse(&a, words, &e), VM_ERR_USAGE); /* only --pass is wrong */
	ck_assert_ptr_nonnull(strstr(e.msg, "pass"));
	args_free(&a);
	ck_assert_msg(!parse(&a, fine, &e), "%s", e.msg);
	ck_assert_str_eq(a.cfg.cpu_model, "pentium3,-sse");
	ck_assert_uint_eq(a.cfg.ram_size, 1536ull << 20);
	ck_assert_int_eq(a.cfg.jit.accel, ACCEL_INTERP);
	ck_assert_str_eq(a.cfg.boot, "dc");
	ck_assert(a.cfg.boot_menu && a.no_reboot && a.no_shutdown && a.stopped && !a.cfg.vga && a.cfg.jit.one_insn);
	ck_assert_uint_eq(a.cfg.jit.ra_random, 9);
	ck_assert_uint_eq(a.cfg.jit.host_mask, HOSTF_AES);
	args_free(&a);
	ck_assert_msg(!parse(&a, all, &e), "%s", e.msg);
	ck_assert_uint_eq(a.cfg.jit.host_mask, UINT32_MAX);
	args_free(&a);
}
END_TEST

START_TEST(good_drives)
{
	char words[] = "disk.img -cdrom c.iso -drive file=b.img,id=b,readonly=on,format=raw -snapshot";
	struct args a;
	struct err e;

	ck_assert_msg(!parse(&a, words, &e), "%s", e.msg);
	ck_assert_uint_eq(a.ndrives, 3);
	ck_assert_str_eq(a.drive[0].file, "disk.img");
	ck_assert_int_eq(a.drive[0].index, 0);
	ck_assert(a.drive[1].cdrom && a.drive[1].readonly);
	ck_assert_int_eq(a.drive[1].index, 2);
	ck_assert_str_eq(a.drive[2].id, "b");
	ck_assert_int_eq(a.drive[2].index, 1); /* next free place */
	ck_assert(a.drive[2].readonly && a.snapshot);
	args_free(&a);
}
END_TEST

START_TEST(good_chars)
{
	char words[] = "-chardev file,id=log,path=/tmp/x -device isa-debugcon,iobase=0x402,chardev=log "
		       "-device isa-debug-exit,iobase=0xf4,iosize=4 -serial unix:/tmp/s,server=on,wait=off "
		       "-debugcon null -global isa-debugcon.iobase=0xe8 -monitor none";
	struct args a;
	struct err e;

	ck_assert_msg(!parse(&a, words, &e), "%s", e.msg);
	ck_assert_uint_eq(a.ndebugcon, 2);
	ck_assert_uint_eq(a.debugcon[0].iobase, 0x402);
	ck_assert_str_eq(spec_backend(&a, a.debugcon[0].chr), "file:/tmp/x");
	ck_assert_uint_eq(a.debugcon[1].iobase, 0xE8);
	ck_assert(a.cfg.debug_exit);
	ck_assert_uint_eq(a.cfg.debug_exit_iobase, 0xF4);
	ck_assert_uint_eq(a.cfg.debug_exit_iosize, 4);
	args_free(&a);
}
END_TEST

/* More list options than any table has room for. */
START_TEST(many_lists)
{
	char *argv[401] = {"dragoman"};
	enum args_what what;
	struct args a;
	struct err e;

	for (unsigned i = 0; i < 200; i++) {
		argv[1 + i * 2] = "-boot";
		argv[2 + i * 2] = i & 1 ? "order=c,menu=off" : "order=d,menu=on";
	}
	ck_assert_msg(!args_parse(&a, 401, argv, &what, &e), "%s", e.msg);
	ck_assert_str_eq(a.cfg.boot, "c");
	args_free(&a);
	for (unsigned i = 0; i < 200; i++) {
		argv[1 + i * 2] = "-drive";
		argv[2 + i * 2] = "file=x";
	}
	ck_assert_int_eq(args_parse(&a, 401, argv, &what, &e), VM_ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(e.msg, "too many drives"));
	args_free(&a);
}
END_TEST

START_TEST(good_more)
{
	char words[] = "-drive file=a,,b.img,if=none,id=d0 -device ide-hd,drive=d0,bus=ide.1,unit=1 -fda f.img "
		       "-drive file=g.img,if=floppy -boot order=a,once=d,reboot-timeout=500 -parallel file:/tmp/p "
		       "-chardev stdio,id=c,mux=on -serial chardev:c -mon c -rtc base=2001-02-03,clock=host -icount 4 "
		       "-name guest=g,process=p -echr 0x14 -no-acpi -no-fd-bootchk";
	struct args a;
	struct err e;

	ck_assert_msg(!parse(&a, words, &e), "%s", e.msg);
	ck_assert_str_eq(a.drive[0].file, "a,b.img");
	ck_assert_int_eq(a.drive[0].index, 3);
	ck_assert_int_eq(a.drive[0].bus, ARGS_IDE);
	ck_assert(a.drive[1].bus == ARGS_FLOPPY && a.drive[1].index == 0);
	ck_assert(a.drive[2].bus == ARGS_FLOPPY && a.drive[2].index == 1);
	ck_assert_str_eq(a.cfg.boot_once, "d");
	ck_assert_uint_eq(a.cfg.boot_fail_ms, 500);
	ck_assert_str_eq(a.parallel, "file:/tmp/p");
	ck_assert_str_eq(a.monitor, "chardev:c");
	ck_assert(a.chardev[0].mux && a.rtc_host && a.cfg.jit.icount && a.icount_shift == 4);
	ck_assert_int_eq(a.cfg.rtc_base, 981158400);
	ck_assert_str_eq(a.process, "p");
	ck_assert_uint_eq(a.echr, 0x14);
	ck_assert(a.cfg.no_acpi && a.cfg.no_fd_check);
	args_free(&a);
}
END_TEST

static enum vm_err parse_file(struct args *a, const char *text, struct err *e)
{
	char path[] = "/tmp/dg_args_cfg_XXXXXX", words[64];
	int fd = mkstemp(path);
	enum vm_err r;

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	snprintf(words, sizeof(words), "-readconfig %s", path);
	r = parse(a, words, e);
	unlink(path);
	return r;
}

/* What only QEMU with KVM or several CPUs can do is done as well as we can, and said once. */
START_TEST(good_elsewhere)
{
	char line[] = "-enable-kvm -accel kvm:tcg -accel kvm -machine accel=kvm -smp 4,cores=2 -cpu host,-avx -no-user-config -msg "
		      "timestamp=on -tb-size 32 -smbios type=1,serial=77 -fw_cfg opt/a,string=b";
	struct args a;
	struct err e;

	ck_assert_int_eq(parse(&a, line, &e), VM_OK);
	ck_assert_uint_eq(a.nwarnings, 3);
	ck_assert_ptr_nonnull(strstr(a.warning[0], "-enable-kvm"));
	ck_assert_ptr_nonnull(strstr(a.warning[1], "-accel: 'kvm'"));
	ck_assert_ptr_nonnull(strstr(a.warning[2], "one CPU"));
	ck_assert_int_eq(a.cfg.jit.accel, ACCEL_JIT);
	ck_assert_str_eq(a.cfg.cpu_model, "max,-avx");
	ck_assert_uint_eq(a.cfg.jit.cache_bytes, 32 << 20);
	ck_assert_str_eq(a.cfg.smbios_system[3], "77");
	ck_assert(a.cfg.nfw_cfg == 1 && !strcmp(a.cfg.fw_cfg[0].name, "opt/a") && !strcmp(a.cfg.fw_cfg[0].string, "b"));
	args_free(&a);
}
END_TEST

/* Forms that scripts have, and what they come to. */
START_TEST(good_forms)
{
	static const char *const lines[] = {"-m 64,slots=2,maxmem=1G", "-m 64,maxmem=64M", "-machine pc,pit=on,i8042=on,suppress-vmdesc=on", "-accel tcg,thread=multi,split-wx=on",
		"-vnc :3,share=ignore,password=off", "-display vnc=:3,password=off", "-display default", "-watchdog-action reset", "-only-migratable",
		"-drive driver=qcow2,file.driver=file,file.filename=q,if=virtio,node-name=n,l2-cache-size=1M", "-chardev null,id=s -device isa-parallel,chardev=s",
		"-drive if=none,id=d,file=x -object iothread,id=t -device virtio-blk,drive=d,iothread=t,scsi=off,num-queues=1,disable-legacy=off",
		"-netdev tap,id=n,ifname=t,vhost=on", "-device virtio-rng", "-soundhw all", "-singlestep", "-chardev null,id=c -device isa-debugcon,chardev=c,readback=0xe9",
		"-audiodev none,id=a,out.format=s16,out.channels=2,in.voices=0,timer-period=100"};
	static const char *const chars[] = {"-serial telnet::1234,server,nowait", "-monitor telnet:127.0.0.1:1,server=on,wait=off,nodelay=on", "-serial /dev/null",
		"-chardev socket,id=s,host=localhost,port=1,server,nowait -serial chardev:s", "-chardev socket,id=s,port=1,server=on,telnet=on -serial chardev:s",
		"-chardev stdio,id=s,mux=on,logfile=/x,logappend=on,signal=off -serial chardev:s", "-chardev serial,id=s,path=/dev/ttyS0 -serial chardev:s"};
	static const char *const told[] = {"-display gtk,zoom-to-fit=on", "-mem-path /x", "-global nosuch.x=1", "-accel tcg,tb-size=4096", "-audiodev pa,id=a",
		"-m 64 -object memory-backend-file,id=m,size=64M,mem-path=/x,share=on -numa node,memdev=m -machine memory-backend=m",
		"-drive file=x,copy-on-read=on"};
	struct args a;
	struct err e;
	char words[256];

	for (unsigned i = 0; i < ARRAY_SIZE(chars); i++) {
		strcpy(words, chars[i]);
		ck_assert_msg(!parse(&a, words, &e), "%s: %s", chars[i], e.msg);
		args_free(&a);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(lines) + ARRAY_SIZE(told); i++) {
		bool warned = i >= ARRAY_SIZE(lines);
		const char *line = warned ? told[i - ARRAY_SIZE(lines)] : lines[i];

		strcpy(words, line);
		ck_assert_msg(!parse(&a, words, &e), "%s: %s", line, e.msg);
		ck_assert_msg((a.nwarnings > 0) == warned, "%s: %u warnings", line, a.nwarnings);
		args_free(&a);
	}
}
END_TEST

START_TEST(good_places)
{
	char flash[] = "-pflash code -pflash vars", drive[] = "-drive file=file:x,if=none,id=d,cache.direct=on,cache.no-flush=on,cache.writeback=off "
		"-device virtio-blk,drive=d,serial=abc", ports[] = "-chardev null,id=c -serial none -serial null -device isa-serial,chardev=c "
		"-device isa-serial,chardev=c,iobase=0x3e8,irq=4", bare[] = "-nodefaults", vga[] = "-nodefaults -device VGA,id=v",
		dirs[] = "-L one -L two", rom[] = "-option-rom /a/b.rom", nic[] = "-nic model=rtl8139,mac=52:54:00:00:00:01",
		memory[] = "-object memory-backend-ram,id=m,size=96M -machine memory-backend=m", audio[] = "-audio wav,path=x,model=ac97",
		speaker[] = "-audio driver=none,model=pcspk";
	struct args a;
	struct err e;

	ck_assert_msg(!parse(&a, flash, &e), "%s", e.msg);
	ck_assert(a.drive[0].bus == ARGS_PFLASH && !a.drive[0].index && a.drive[1].index == 1);
	args_free(&a);
	ck_assert_msg(!parse(&a, drive, &e), "%s", e.msg);
	ck_assert_str_eq(a.drive[0].file, "x");
	ck_assert_str_eq(a.drive[0].serial, "abc");
	ck_assert(a.drive[0].direct && a.drive[0].policy.unsafe && a.drive[0].policy.writethrough);
	args_free(&a);
	ck_assert_int_eq(parse(&a, ports, &e), VM_ERR_USAGE); /* only for the chardev of two ports */
	ck_assert_ptr_nonnull(strstr(e.msg, "mux=on"));
	ck_assert_uint_eq(a.nserial, 3);
	ck_assert_str_eq(a.serial[0], "chardev:c");
	ck_assert_str_eq(a.serial[1], "null");
	ck_assert_str_eq(a.serial[2], "chardev:c");
	args_free(&a);
	ck_assert(!parse(&a, bare, &e) && !a.cfg.vga);
	args_free(&a);
	ck_assert(!parse(&a, vga, &e) && a.cfg.vga);
	args_free(&a);
	ck_assert_msg(!parse(&a, dirs, &e), "%s", e.msg);
	ck_assert_str_eq(a.cfg.data_dir[0], "one");
	ck_assert_str_eq(a.cfg.data_dir[1], "two");
	ck_assert_str_eq(a.cfg.data_dir[2], "/usr/share/seabios");
	args_free(&a);
	ck_assert_msg(!parse(&a, rom, &e), "%s", e.msg);
	ck_assert_str_eq(a.cfg.fw_cfg[0].name, "genroms/b.rom");
	args_free(&a);
	ck_assert_msg(!netdev_has_user() || !parse(&a, nic, &e), "%s", e.msg);
	ck_assert(!netdev_has_user() || (a.nnics == 1 && a.nic[0].model == NIC_RTL8139 && a.nnetdevs == 1));
	args_free(&a);
	ck_assert_msg(!parse(&a, memory, &e), "%s", e.msg);
	ck_assert_uint_eq(a.cfg.ram_size, 96 << 20);
	args_free(&a);
	ck_assert_msg(!parse(&a, audio, &e), "%s", e.msg);
	ck_assert(a.nsounds == 1 && a.sound[0].card.model == SOUND_AC97 && a.audiodev[0].driver == AUDIO_WAV);
	ck_assert_str_eq(a.audiodev[0].path, "x");
	args_free(&a);
	ck_assert_msg(!parse(&a, speaker, &e), "%s", e.msg);
	ck_assert_str_eq(a.pcspk_audiodev, a.audiodev[0].id);
	args_free(&a);
}
END_TEST

START_TEST(log_words)
{
	char line[] = "-d in_asm,nochain,fpu -d int -d trace:ex* -dfilter 0x1000..0x2000,0x3000+0x100,0x4000-0x100", all[] = "-d all";
	struct args a;
	struct err e;

	ck_assert_msg(!parse(&a, line, &e), "%s", e.msg);
	ck_assert_str_eq(a.log, "in_asm,int,exec");
	ck_assert(a.cfg.jit.no_link);
	ck_assert_uint_eq(a.nwarnings, 1);
	ck_assert_ptr_nonnull(strstr(a.warning[0], "'fpu'"));
	args_free(&a);
	ck_assert_msg(!parse(&a, all, &e), "%s", e.msg);
	ck_assert_str_eq(a.log, "all");
	args_free(&a);
}
END_TEST

/* -cpu as other emulators' command lines have it. */
START_TEST(cpu_words)
{
	char fine[] = "-cpu max,vendor=GenuineIntel,+smep,smap=off,-pku,lahf-lm=on,sse4_1=off,tsc_adjust,kvm=off,host-phys-bits,check,+invtsc,-svm "
		      "-machine kernel_irqchip=split";
	char lacks[] = "-cpu qemu64,+pku,phys-bits=36,hv_time,-vmx -global kvm-pit.lost_tick_policy=discard -global "
		       "driver=PIIX4_PM,property=disable_s3,value=1", *bad[] = {"-cpu max,+nosuch", "-cpu max,nosuch=3", "-cpu 8085", "-cpu max,smep=2",
		"-cpu max,enforce,+vmx", "-cpu max,+i386", "-cpu +smep", "-cpu Haswell-v", "-cpu -v1", "-cpu -noTSX"};
	static const char *const near[][2] = {{"Haswell-v4", "Haswell"}, {"Haswell-noTSX-IBRS", "Haswell"}, {"qemu64-v1", "qemu64"},
		{"Penryn,-sse3", "core2duo,+sse4.1,-sse3"}, {"Skylake-Client-v2", "Haswell,+adx,+rdseed,+smap,+3dnowprefetch"},
		{"SandyBridge-IBRS", "Westmere,+avx,+xsave,+xsaveopt,+x2apic,+tsc-deadline"}};
	struct args a;
	struct err e;

	ck_assert_msg(!parse(&a, fine, &e), "%s", e.msg);
	ck_assert_str_eq(a.cfg.cpu_model, "max,+smep,-smap,+lahf_lm,-sse4.1,+tsc-adjust");
	ck_assert_uint_eq(a.nwarnings, 0);
	args_free(&a);
	ck_assert_msg(!parse(&a, lacks, &e), "%s", e.msg);
	ck_assert_str_eq(a.cfg.cpu_model, "qemu64");
	ck_assert_uint_eq(a.nwarnings, 5);
	ck_assert_ptr_nonnull(strstr(a.warning[0], "pku"));
	args_free(&a);
	for (unsigned i = 0; i < ARRAY_SIZE(near); i++) {
		char line[64];

		snprintf(line, sizeof(line), "-cpu %s", near[i][0]);
		ck_assert_msg(!parse(&a, line, &e), "%s", e.msg);
		ck_assert_str_eq(a.cfg.cpu_model, near[i][1]);
		args_free(&a);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		char line[64];

		snprintf(line, sizeof(line), "%s", bad[i]);
		ck_assert_msg(parse(&a, line, &e) == VM_ERR_USAGE, "%s", bad[i]);
		args_free(&a);
	}
}
END_TEST

START_TEST(config_file)
{
	struct args a;
	struct err e;

	ck_assert_msg(!parse_file(&a, "# a machine\n[machine]\n  type = \"pc\"\n  accel = \"interp\"\n\n"
		"[memory]\nsize = \"96M\"\n[drive \"sys\"]\n  if = \"ide\"\n  file = \"a,b c.img\"\n"
		"[device]\n  iobase = \"0xf4\"\n  driver = \"isa-debug-exit\"\n[boot-opts]\n  menu = \"on\"\n", &e),
		"%s", e.msg);
	ck_assert_int_eq(a.cfg.jit.accel, ACCEL_INTERP);
	ck_assert_uint_eq(a.cfg.ram_size, 96u << 20);
	ck_assert_str_eq(a.drive[0].id, "sys");
	ck_assert_str_eq(a.drive[0].file, "a,b c.img");
	ck_assert(a.cfg.debug_exit && a.cfg.debug_exit_iobase == 0xF4 && a.cfg.boot_menu);
	args_free(&a);
	char missing[] = "-readconfig /nonexistent/cfg";

	ck_assert_int_eq(parse(&a, missing, &e), VM_ERR_IO);
	ck_assert_ptr_nonnull(strstr(e.msg, "/nonexistent/cfg"));
	args_free(&a);
	ck_assert_int_eq(parse_file(&a, "[memry]\n", &e), VM_ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(e.msg, "did you mean 'memory'"));
	args_free(&a);
	ck_assert_int_eq(parse_file(&a, "[memory]\nsize = 64\n", &e), VM_ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(e.msg, "line 2"));
	args_free(&a);
	ck_assert_int_eq(parse_file(&a, "[memory]\nsize = \"0\"\n", &e), VM_ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(e.msg, "out of range"));
	args_free(&a);
}
END_TEST

START_TEST(sizes)
{
	uint64_t n;

	ck_assert(args_size("64", &n) && n == 64ull << 20);
	ck_assert(args_size("512K", &n) && n == 512ull << 10);
	ck_assert(args_size("2g", &n) && n == 2ull << 30);
	ck_assert(!args_size("", &n) && !args_size("G", &n) && !args_size("1GG", &n) && !args_size("-1", &n));
}
END_TEST

START_TEST(nearest)
{
	static const char *const names[] = {"serial", "snapshot", "display"};

	ck_assert_str_eq(spec_nearest("seriol", names, 3), "serial");
	ck_assert_str_eq(spec_nearest("dsplay", names, 3), "display");
	ck_assert_ptr_nonnull(spec_nearest("", names, 3));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("args");
	TCase *t = tcase_create("args");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, refused, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(t, nothing_opened);
	tcase_add_test(t, good_machine);
	tcase_add_test(t, network_cards);
	tcase_add_test(t, good_drives);
	tcase_add_test(t, good_chars);
	tcase_add_test(t, many_lists);
	tcase_add_test(t, good_more);
	tcase_add_test(t, good_elsewhere);
	tcase_add_test(t, good_forms);
	tcase_add_test(t, good_places);
	tcase_add_test(t, log_words);
	tcase_add_test(t, cpu_words);
	tcase_add_test(t, config_file);
	tcase_add_test(t, sizes);
	tcase_add_test(t, nearest);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
