#!/bin/sh
# virtio-net with Debian's stock driver: as net-e1000. i386 as a modern device, then as a legacy one; amd64 with MSI-X.
# accel: jit
NIC=
. "$(dirname "$0")/../tools/net.sh"
serve
card="-device virtio-net-pci,netdev=n0,mac=52:54:00:ab:cd:ef"
fetch_and_serve 686 "virtio_pci virtio_net" $card
load="sed 's/virtio_pci.ko/& force_legacy=1/' /lib/virtio_pci | sh; sh /lib/virtio_net"
fetch_and_serve 686 "virtio_pci virtio_net" $card
load=
fetch_and_serve amd64 "virtio_pci virtio_net" $card
