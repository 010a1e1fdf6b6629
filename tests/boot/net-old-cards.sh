#!/bin/sh
# RTL8139 and NE2000, on PCI and on ISA, with Debian's stock drivers: as net-e1000.
# accel: jit
NIC=
. "$(dirname "$0")/../tools/net.sh"
serve
fetch_and_serve 686 8139cp -device rtl8139,netdev=n0,mac=52:54:00:ab:cd:ef
fetch_and_serve amd64 8139cp -device rtl8139,netdev=n0,mac=52:54:00:ab:cd:ef
fetch_and_serve amd64 ne2k-pci -device ne2k_pci,netdev=n0,mac=52:54:00:ab:cd:ef
load="sed 's/ne.ko/& io=0x300 irq=5/' /lib/ne | sh"
fetch_and_serve 686 ne -device ne2k_isa,netdev=n0,mac=52:54:00:ab:cd:ef,irq=5
