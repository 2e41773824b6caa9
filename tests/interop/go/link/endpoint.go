package main

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// largest is the largest frame: an IP packet of 64 KiB behind an Ethernet header, with a VLAN's tag.
const largest = 65535 + 18

// Bursts wait in the kernel for so many bytes until they are read.
const backlog = 16 << 20

// endpoint is a raw socket on one interface.
type endpoint struct {
	name   string
	socket int
}

// open makes a socket that sees all frames that come in at the interface, whomever they are for, and none that go out:
// those that the other direction of the wire sends would come back for ever.
func open(name string) (*endpoint, error) {
	found, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("there must be an interface %s in this namespace (ip link shows them): %w", name, err)
	}
	// No protocol yet: nothing is received until all is set.
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot make a raw socket, which takes root in the namespace: %w", err)
	}
	promiscuous := unix.PacketMreq{Ifindex: int32(found.Index), Type: unix.PACKET_MR_PROMISC}
	err = errors.Join(
		unix.SetsockoptInt(socket, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, backlog),
		unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, backlog),
		unix.SetsockoptPacketMreq(socket, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &promiscuous),
		unix.Bind(socket, &unix.SockaddrLinklayer{Protocol: allProtocols, Ifindex: found.Index}),
	)
	if err != nil {
		return nil, fmt.Errorf("cannot listen to all frames at %s: %w", name, err)
	}
	return &endpoint{name, socket}, nil
}

// allProtocols is ETH_P_ALL in network order.
const allProtocols = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8

func (e *endpoint) read(buffer []byte) (int, error) {
	for {
		size, _, err := unix.Recvfrom(e.socket, buffer, 0)
		switch {
		case err == nil:
			return size, nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN):
			// A host may take its end down and up again.
		default:
			return 0, fmt.Errorf("cannot read from %s: %w", e.name, err)
		}
	}
}

// write tells whether the frame was sent. A wire has no room to wait in: what the interface does not take is lost, as
// is what it cannot take because it is down or its MTU is smaller than the other's.
func (e *endpoint) write(frame []byte) (bool, error) {
	for {
		_, err := unix.Write(e.socket, frame)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.EMSGSIZE):
			return false, nil
		default:
			return false, fmt.Errorf("cannot write to %s: %w", e.name, err)
		}
	}
}
