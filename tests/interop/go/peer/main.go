// Command peer is a node of go-libp2p that others find, connect to, and share a DHT with.
//
//	peer --listen MULTIADDR … [--kad-protocol PROTOCOL [--provide KEY] [--find KEY …]]
//
// It dials nobody on its own account: the DHT has no bootstrap peers, and learns of those that dial this node. It
// accepts and tells addresses of any kind, private and loopback ones too. Events are JSON lines on stdout.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/libp2p/go-libp2p"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"interop/go/internal/lines"
	"interop/go/internal/node"
)

type arguments struct {
	listen, find lines.Texts
	kad, provide string
}

func main() {
	var args arguments
	flag.Var(&args.listen, "listen", "`multiaddr` to listen at, over TCP or QUIC; repeatable")
	flag.StringVar(&args.kad, "kad-protocol", "", "`protocol` of the DHT, such as /interop/kad/1.0.0; without it there is none")
	flag.StringVar(&args.provide, "provide", "", "`key` to be a provider of")
	flag.Var(&args.find, "find", "`key` whose providers are looked for; repeatable")
	flag.Parse()
	if len(args.listen) == 0 || flag.NArg() > 0 || args.kad == "" && (args.provide != "" || len(args.find) > 0) {
		fmt.Fprintln(os.Stderr, "peer: give at least one --listen, --kad-protocol where there is a --provide or --find, and no arguments")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(args); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(args arguments) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	started, err := node.Start(args.listen, args.kad, libp2p.Transport(tcp.NewTCPTransport), libp2p.Transport(quic.NewTransport))
	if err != nil {
		return err
	}
	defer started.Close()
	if args.provide != "" {
		go provide(ctx, started.DHT, args.provide)
	}
	for _, key := range args.find {
		go find(ctx, started.DHT, key)
	}
	<-ctx.Done()
	return nil
}
