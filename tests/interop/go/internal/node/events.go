package node

import (
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"

	"interop/go/internal/lines"
)

type listening struct {
	Event   string `json:"event"`
	Peer    string `json:"peer"`
	Address string `json:"address"`
}

type connection struct {
	Event string `json:"event"`
	Peer  string `json:"peer"`
}

type kad struct {
	Event string `json:"event"`
	Peers int    `json:"peers"`
}

// watch prints the first connection to each peer, and the end of the last.
func (n *Node) watch() error {
	changes, err := n.Host.EventBus().Subscribe(new(event.EvtPeerConnectednessChanged), eventbus.BufSize(256))
	if err != nil {
		return fmt.Errorf("cannot watch the connections: %w", err)
	}
	go func() {
		for change := range changes.Out() {
			changed := change.(event.EvtPeerConnectednessChanged)
			name := "disconnected"
			if changed.Connectedness == network.Connected {
				name = "connected"
			}
			lines.Print(connection{name, changed.Peer.String()})
		}
	}()
	return nil
}

// count prints the number of peers in the routing table whenever it is another.
func (n *Node) count() {
	before := 0
	for range time.Tick(500 * time.Millisecond) {
		if now := n.DHT.RoutingTable().Size(); now != before {
			lines.Print(kad{"kad", now})
			before = now
		}
	}
}
