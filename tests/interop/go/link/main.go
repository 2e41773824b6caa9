// Command link is an Ethernet wire in user space, with delay and loss, between two interfaces of its namespace. It is
// for kernels that have no netem.
//
//	link --delay MS --loss PERCENT --seed N IF_A IF_B
//	link --prepare IF …
//
// The first form forwards each frame that comes in at one interface out of the other, MS milliseconds later, in order,
// and drops each with the given probability; both hold for each direction. It prints {"event":"ready"} once it
// forwards, and {"event":"ended",…} with its counts when it is told to end. The interfaces need no addresses, and are
// not to be in a bridge.
//
// The second form is for the hosts at the far ends: run it in the namespace of each, for each interface that leads to
// a wire, before anything is sent. It has the kernel compute checksums and cut segments itself. Otherwise, a virtual
// interface hands on frames without checksums, which no host accepts after a detour through user space, and of up to
// 64 KiB, which no wire loses as a whole.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"interop/go/internal/lines"
)

type arguments struct {
	delay, loss float64
	seed        uint64
	prepare     bool
}

func main() {
	var args arguments
	flag.Float64Var(&args.delay, "delay", 0, "`milliseconds` that a frame takes")
	flag.Float64Var(&args.loss, "loss", 0, "`percent` of the frames to drop, 0 to 100")
	flag.Uint64Var(&args.seed, "seed", 1, "`number` that decides which frames are dropped")
	flag.BoolVar(&args.prepare, "prepare", false, "forward nothing: ready the given interfaces of a host for a wire, and end")
	flag.Parse()
	count := flag.NArg() == 2 || args.prepare && flag.NArg() > 0
	if !count || args.delay < 0 || args.loss < 0 || args.loss > 100 {
		fmt.Fprintln(os.Stderr, "link: give two interfaces, or --prepare and at least one; a delay of 0 or more, a loss of 0 to 100")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(args, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "link:", err)
		os.Exit(1)
	}
}

func run(args arguments, interfaces []string) error {
	for _, name := range interfaces {
		if err := disableOffloads(name, args.prepare); err != nil {
			return err
		}
	}
	if args.prepare {
		return nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a, err := open(interfaces[0])
	if err != nil {
		return err
	}
	b, err := open(interfaces[1])
	if err != nil {
		return err
	}
	delay := time.Duration(args.delay * float64(time.Millisecond))
	wires := []*wire{newWire(a, b, delay, args.loss, args.seed, 0), newWire(b, a, delay, args.loss, args.seed, 1)}
	return carry(ctx, wires)
}

type ended struct {
	Event     string    `json:"event"`
	Forwarded [2]uint64 `json:"forwarded"` // from A to B, from B to A
	Lost      [2]uint64 `json:"lost"`      // as asked
	Overrun   [2]uint64 `json:"overrun"`   // because there were too many at once
}

// carry runs both directions until it is told to end or one of them fails.
func carry(ctx context.Context, wires []*wire) error {
	failed := make(chan error, 2*len(wires))
	for _, wire := range wires {
		go func() { failed <- wire.take() }()
		go func() { failed <- wire.give() }()
	}
	lines.Print(map[string]string{"event": "ready"})
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	counts := ended{Event: "ended"}
	for i, wire := range wires {
		counts.Forwarded[i], counts.Lost[i], counts.Overrun[i] = wire.forwarded.Load(), wire.lost.Load(), wire.overrun.Load()
	}
	lines.Print(counts)
	return nil
}
