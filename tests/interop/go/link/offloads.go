package main

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

type offload struct {
	name    string
	command uint32
}

// What must not be done to frames that come in at a wire's end, in the order in which features depend on each other.
var receiving = []offload{{"GRO", unix.ETHTOOL_SGRO}}

// What must not be left to the device at a host's end.
var sending = []offload{
	{"TSO", unix.ETHTOOL_STSO},
	{"GSO", unix.ETHTOOL_SGSO},
	{"scatter and gather", unix.ETHTOOL_SSG},
	{"checksums of what is sent", unix.ETHTOOL_STXCSUM},
}

// disableOffloads has frames go over an interface as they would over a wire: of the size of the MTU, and whole.
func disableOffloads(name string, host bool) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot make a socket to set up %s by: %w", name, err)
	}
	defer unix.Close(socket)
	offloads := receiving
	if host {
		offloads = append(sending, receiving...)
	}
	for _, offload := range offloads {
		if err := disable(socket, name, offload.command); err != nil {
			return fmt.Errorf("cannot turn off %s at %q, which takes root, an interface of this namespace, and a driver that can: %w",
				offload.name, name, err)
		}
	}
	return nil
}

// request is struct ifreq with a pointer to struct ethtool_value, as the ioctl takes them.
type request struct {
	name  [unix.IFNAMSIZ]byte
	value *value
	_     [16]byte
}

type value struct{ command, on uint32 }

func disable(socket int, name string, command uint32) error {
	var pinned runtime.Pinner
	defer pinned.Unpin()
	asked := &value{command: command}
	pinned.Pin(asked) // the kernel follows the pointer
	ask := request{value: asked}
	if copy(ask.name[:unix.IFNAMSIZ-1], name) < len(name) {
		return unix.ENODEV
	}
	_, _, failure := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&ask)))
	if failure != 0 {
		return failure
	}
	return nil
}
