package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/multiformats/go-multihash"

	"interop/go/internal/lines"
)

const (
	pause = time.Second      // from the start of one query to the next, unless it takes longer
	limit = 10 * time.Second // for one query
)

type provided struct {
	Event string `json:"event"`
	Key   string `json:"key"`
}

type found struct {
	Event     string   `json:"event"`
	Key       string   `json:"key"`
	Providers []string `json:"providers"`
}

// provide tries until it has told the closest peers. Telling is not answered, so that there was somebody to tell, and
// that it did not fail, is all that can be known.
func provide(ctx context.Context, table *dht.IpfsDHT, key string) {
	every(ctx, func(ctx context.Context) bool {
		if table.RoutingTable().Size() == 0 {
			return false
		}
		if err := table.Provide(ctx, hash(key), true); err != nil {
			fmt.Fprintf(os.Stderr, "peer: cannot provide %q yet: %v\n", key, err)
			return false
		}
		lines.Print(provided{"provided", key})
		return true
	})
}

// find asks for ever, and prints all providers that it ever heard of whenever there is one more.
func find(ctx context.Context, table *dht.IpfsDHT, key string) {
	providers := []string{}
	every(ctx, func(ctx context.Context) bool {
		for provider := range table.FindProvidersAsync(ctx, hash(key), 0) {
			id := provider.ID.String()
			place, known := slices.BinarySearch(providers, id)
			if !known {
				providers = slices.Insert(providers, place, id)
				lines.Print(found{"found", key, providers})
			}
		}
		return false
	})
}

// every runs a query, with its limit of time, until it says that it is done.
func every(ctx context.Context, query func(context.Context) bool) {
	ticks := time.NewTicker(pause)
	defer ticks.Stop()
	for done := false; !done; {
		limited, cancel := context.WithTimeout(ctx, limit)
		done = query(limited)
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// hash is where a key lies in the DHT: at the SHA-256 of its text.
func hash(key string) cid.Cid {
	sum, err := multihash.Sum([]byte(key), multihash.SHA2_256, -1)
	if err != nil {
		panic(err) // SHA-256 is built in
	}
	return cid.NewCidV1(cid.Raw, sum)
}
