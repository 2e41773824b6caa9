package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/multiformats/go-multiaddr"

	"interop/go/internal/lines"
)

// A round's look-ups and dials together take no longer.
const roundLimit = 30 * time.Second

type round struct {
	Event     string   `json:"event"`
	Ms        int64    `json:"ms"`
	Tried     []string `json:"tried"`
	Connected []string `json:"connected"`
	Error     *string  `json:"error"` // null after a good round
}

// round runs one round and prints what became of it.
func (b *bootstrap) round(ctx context.Context) error {
	report := round{Event: "round", Tried: []string{}, Connected: []string{}}
	err := b.connect(ctx, &report)
	if err == nil {
		err = b.refresh(ctx)
	}
	if err != nil {
		text := err.Error()
		report.Error = &text
	}
	report.Ms = time.Since(begun).Milliseconds()
	lines.Print(report)
	return err
}

// connect goes through the addresses, and fails only if all of them did.
func (b *bootstrap) connect(ctx context.Context, report *round) error {
	ctx, cancel := context.WithTimeout(ctx, roundLimit)
	defer cancel()
	found, err := lowest(ctx, b.names, b.name)
	if err != nil {
		return fmt.Errorf("cannot look up %s at %s (Go names the system's server below): %w", b.name, b.server, err)
	}
	var failures []error
	for _, ip := range found {
		address := transport(ip, b.port)
		if slices.ContainsFunc(b.Host.Addrs(), address.Equal) {
			continue
		}
		report.Tried = append(report.Tried, address.String())
		id, err := b.join(ctx, address)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		report.Connected = append(report.Connected, id.String())
	}
	if len(failures) == len(found) {
		return errors.Join(failures...)
	}
	return nil
}

// join asks who is at an address, and then connects to that peer there.
func (b *bootstrap) join(ctx context.Context, address multiaddr.Multiaddr) (peer.ID, error) {
	actual, err := b.probe(ctx, address)
	if err != nil {
		return "", err
	}
	return actual, b.Host.Connect(ctx, peer.AddrInfo{ID: actual, Addrs: []multiaddr.Multiaddr{address}})
}

// probe dials as if a peer were there that nobody can be; the handshake that fails tells who is.
func (b *bootstrap) probe(ctx context.Context, address multiaddr.Multiaddr) (peer.ID, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return "", err
	}
	nobody, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return "", err
	}
	err = b.Host.Connect(ctx, peer.AddrInfo{ID: nobody, Addrs: []multiaddr.Multiaddr{address}})
	b.Host.Peerstore().ClearAddrs(nobody)
	b.Host.Peerstore().RemovePeer(nobody)
	if mismatch, told := errors.AsType[sec.ErrPeerIDMismatch](err); told {
		return mismatch.Actual, nil
	}
	return "", fmt.Errorf("cannot learn who is at %s: %w", address, err)
}

// refresh waits for the DHT to look around from the peers that it has.
func (b *bootstrap) refresh(ctx context.Context) error {
	if !b.joined() {
		return errors.New("the routing table is empty after connecting")
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-b.DHT.RefreshRoutingTable():
		return err
	}
}

func transport(ip netip.Addr, port uint) multiaddr.Multiaddr {
	family := "ip6"
	if ip = ip.Unmap(); ip.Is4() {
		family = "ip4"
	}
	return multiaddr.StringCast(fmt.Sprintf("/%s/%s/tcp/%d", family, ip, port))
}
