package main

import (
	"context"
	"net"
	"time"

	"interop/go/internal/lines"
	"interop/go/internal/node"
)

const (
	firstDelay = 50 * time.Millisecond
	lastDelay  = 10 * time.Second
	period     = 30 * time.Minute
	lookAgain  = 500 * time.Millisecond
	checkAgain = 30 * time.Second
)

// bootstrap brings the DHT its first peers, and keeps it from being without.
type bootstrap struct {
	*node.Node
	names  *net.Resolver
	server string // that names asks
	name   string
	port   uint
}

func (b *bootstrap) joined() bool { return b.DHT.RoutingTable().Size() > 0 }

func (b *bootstrap) run(ctx context.Context) {
	for ctx.Err() == nil {
		b.untilJoined(ctx)
		if b.whileJoined(ctx) {
			_ = b.round(ctx) // it has told what failed, and the next is due in its time
		}
	}
}

// untilJoined repeats rounds until one ends well.
func (b *bootstrap) untilJoined(ctx context.Context) {
	delay := firstDelay
	for b.round(ctx) != nil {
		if !sleep(ctx, delay) {
			return
		}
		delay = min(2*delay, lastDelay)
		if b.joined() && b.refresh(ctx) == nil {
			return
		}
	}
}

// whileJoined waits until the next round is due, which it says, or the routing table is empty. The query is what has
// the table drop peers that are gone.
func (b *bootstrap) whileJoined(ctx context.Context) bool {
	due, check := time.Now().Add(period), time.Now().Add(checkAgain)
	for b.joined() {
		if time.Now().After(due) {
			return true
		}
		if time.Now().After(check) {
			b.query(ctx)
			check = time.Now().Add(checkAgain)
		}
		if !sleep(ctx, lookAgain) {
			return false
		}
	}
	return false
}

// query looks for the peers closest to this one. It fails only where the routing table is empty, which is seen anyway.
func (b *bootstrap) query(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, checkAgain)
	defer cancel()
	_, _ = b.DHT.GetClosestPeers(limited, string(b.Host.ID()))
}

// sleep tells whether there is still something to do afterwards.
func sleep(ctx context.Context, delay time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(delay):
		return true
	}
}

type joined struct {
	Event string `json:"event"`
	Ms    int64  `json:"ms"`
}

// tellJoined prints once when the routing table has its first peer, to 5 ms.
func (b *bootstrap) tellJoined() {
	for !b.joined() {
		time.Sleep(5 * time.Millisecond)
	}
	lines.Print(joined{"joined", time.Since(begun).Milliseconds()})
}
