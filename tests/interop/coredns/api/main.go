// Command api stands in for a Kubernetes API server, as far as the kubernetes plugin of CoreDNS asks one.
//
// It tells of one namespace, default, with one headless Service, peers, whose port p2p is TCP 4001, and of that
// service's EndpointSlices: --endpoints ready endpoints at 10.0.0.1 and up, or fd00::1 and up with --ipv6, with host
// names if --hostnames says so.
// Each line on stdin is a new number of endpoints, and is sent to all that watch. Nothing is authenticated.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	listen := flag.String("listen", "", "`ADDRESS:PORT` to serve HTTP at; port 0 takes any")
	endpoints := flag.Int("endpoints", 0, "`number` of ready endpoints at the start, 0 to 65535")
	ipv6 := flag.Bool("ipv6", false, "give the endpoints the addresses fd00::1 and up instead")
	hostnames := flag.Bool("hostnames", false, "give each endpoint a host name, peer-1 and up, as a StatefulSet does")
	flag.Parse()
	if *listen == "" || flag.NArg() > 0 || checkCount(*endpoints) != nil {
		fmt.Fprintln(os.Stderr, "api: give --listen ADDRESS:PORT, --endpoints 0 to 65535, and no arguments")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*listen, newCluster(*endpoints, kind{hostnames: *hostnames, ipv6: *ipv6}), *endpoints); err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

// run serves until SIGTERM, a wrong line on stdin, or the end of the listener. The end of stdin changes nothing.
func run(listen string, cluster *cluster, endpoints int) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("cannot serve at %s: %w", listen, err)
	}
	tell(map[string]any{"event": "listening", "address": listener.Addr().String()})
	tell(map[string]any{"event": "endpoints", "count": endpoints})
	failed := make(chan error, 2)
	go func() { failed <- http.Serve(listener, cluster.handler()) }()
	go func() {
		if err := follow(os.Stdin, cluster); err != nil {
			failed <- err
		}
	}()
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

func follow(lines io.Reader, cluster *cluster) error {
	scanner := bufio.NewScanner(lines)
	for scanner.Scan() {
		count, err := strconv.Atoi(strings.TrimSpace(scanner.Text()))
		if err != nil || checkCount(count) != nil {
			return fmt.Errorf("stdin: a line must be a number of endpoints from 0 to 65535, not %q", scanner.Text())
		}
		cluster.resize(count)
		tell(map[string]any{"event": "endpoints", "count": count})
	}
	return scanner.Err()
}

// checkCount refuses what the addresses from 10.0.0.1 to 10.0.255.255 do not suffice for.
func checkCount(count int) error {
	if count < 0 || count > 65535 {
		return fmt.Errorf("%d endpoints are out of range", count)
	}
	return nil
}

func tell(event map[string]any) {
	line, err := json.Marshal(event)
	if err != nil {
		panic(err) // strings and numbers only
	}
	fmt.Println(string(line))
}
