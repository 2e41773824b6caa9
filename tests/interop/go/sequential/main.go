// Command sequential is a node of go-libp2p that joins its DHT by the algorithm that Spegel publishes, for comparison.
//
//	sequential --name NAME --dns IP:PORT --port PORT --listen MULTIADDR … --kad-protocol PROTOCOL
//
// Written anew after reading Spegel (github.com/spegel-org/spegel) at commit b8c715accc92, its
// pkg/routing/libp2p/bootstrap.go (the DNS bootstrapper), pkg/routing/libp2p/libp2p.go (the P2P router) and
// internal/resilient/retry.go (the delays). Taken over:
//
//   - A round looks up A, then AAAA, by Go's own resolver; one family may fail. It sorts each family by number, takes
//     the first three, and goes through these, at most six, one after the other. Its own address is among the three
//     if it is that low, and is passed over.
//   - At each it dials with a throw-away peer id, learns from the mismatch who is there, and then connects to that
//     peer. Look-ups and dials of a round share 30 s. The transport is TCP alone.
//   - A round in which all fail, or after which the routing table is still empty, has failed. Otherwise the routing
//     table is refreshed, which is waited for, and must go well.
//   - A failed round is repeated after 50 ms, doubling to 10 s, without jitter. Once there are peers, a round is run
//     every 30 minutes, and its failure is passed over.
//   - The DHT is in server mode and has no bootstrap peers of its own.
//
// Different, and never to the disadvantage of the original:
//
//   - It counts as joined as soon as the routing table has a peer. Spegel has the provider system of the DHT look into
//     that by a query, after 100 ms, doubling to a minute, and until then repeats rounds that did connect it.
//   - A query every 30 s has the table drop peers that are gone, and an empty table is seen within half a second.
//     Spegel makes that query when providing failed, at most every 30 s.
//   - If the first peer enters the routing table between two rounds, the refresh is made up for.
//   - Loopback addresses are told to others, since tests run on them, and AutoNAT does not run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"interop/go/internal/lines"
	"interop/go/internal/node"
)

var begun = time.Now()

type arguments struct {
	name, dns, kad string
	port           uint
	listen         lines.Texts
}

func main() {
	var args arguments
	flag.StringVar(&args.name, "name", "", "`name` whose addresses are the peers'")
	flag.StringVar(&args.dns, "dns", "", "`ip:port` of the name server")
	flag.UintVar(&args.port, "port", 0, "TCP `port` of all peers")
	flag.Var(&args.listen, "listen", "`multiaddr` to listen at, over TCP; repeatable")
	flag.StringVar(&args.kad, "kad-protocol", "", "`protocol` of the DHT, such as /interop/kad/1.0.0")
	flag.Parse()
	whole := args.name != "" && args.dns != "" && args.kad != "" && len(args.listen) > 0
	if !whole || args.port < 1 || args.port > 65535 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "sequential: give --name, --dns, --port from 1 to 65535, --listen and --kad-protocol, and no arguments")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(args); err != nil {
		fmt.Fprintln(os.Stderr, "sequential:", err)
		os.Exit(1)
	}
}

func run(args arguments) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	started, err := node.Start(args.listen, args.kad, libp2p.Transport(tcp.NewTCPTransport))
	if err != nil {
		return err
	}
	defer started.Close()
	bootstrap := &bootstrap{Node: started, names: server(args.dns), server: args.dns, name: args.name, port: args.port}
	go bootstrap.tellJoined()
	bootstrap.run(ctx)
	return nil
}
