// Package node is the libp2p node that the programs of the suite share: a host that does nothing on the network but
// what it was asked for, the DHT on it, and the events of both.
package node

import (
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"

	"interop/go/internal/lines"
)

// Node is a running host. Its DHT is nil where no protocol was given for one.
type Node struct {
	Host host.Host
	DHT  *dht.IpfsDHT
}

// Start makes a host with a key of its own and the given transports, listens, and prints so.
func Start(listen []string, kad string, transports ...libp2p.Option) (*Node, error) {
	options := []libp2p.Option{
		libp2p.NoListenAddrs, // the addresses come below, each with its own error
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
		libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.ForceReachabilityPublic(), // what is known need not be probed by AutoNAT
		libp2p.ChainOptions(append([]libp2p.Option{libp2p.NoTransports}, transports...)...),
	}
	host, err := libp2p.New(options...)
	if err != nil {
		return nil, fmt.Errorf("cannot make a host: %w", err)
	}
	node := &Node{Host: host}
	if err := node.watch(); err != nil {
		return nil, err
	}
	if kad != "" {
		if node.DHT, err = dht.New(host, dht.Mode(dht.ModeServer), dht.V1ProtocolOverride(protocol.ID(kad))); err != nil {
			return nil, fmt.Errorf("cannot make a DHT that speaks %s: %w", kad, err)
		}
		go node.count()
	}
	return node, node.listen(listen)
}

func (n *Node) listen(addresses []string) error {
	for _, text := range addresses {
		address, err := multiaddr.NewMultiaddr(text)
		if err == nil {
			err = n.Host.Network().Listen(address)
		}
		if err != nil {
			return fmt.Errorf("cannot listen at %q, which must be such as /ip4/127.0.0.1/tcp/4001: %w", text, err)
		}
	}
	for _, address := range n.Host.Network().ListenAddresses() {
		lines.Print(listening{"listening", n.Host.ID().String(), address.String()})
	}
	return nil
}

// Close says goodbye, unless that takes long: the program has to end within 2 s of being told to.
func (n *Node) Close() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if n.DHT != nil {
			_ = n.DHT.Close()
		}
		_ = n.Host.Close()
	}()
	select {
	case <-closed:
	case <-time.After(time.Second):
	}
}
