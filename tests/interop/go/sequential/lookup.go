package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
)

// tries is how many addresses of each family a round goes through.
const tries = 3

// server is Go's own resolver, asking one name server instead of the system's.
func server(address string) *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
}

// lowest looks up both families, and fails only if both fail.
func lowest(ctx context.Context, names *net.Resolver, name string) ([]netip.Addr, error) {
	four, err4 := lowestOf(ctx, names, "ip4", name)
	six, err6 := lowestOf(ctx, names, "ip6", name)
	if err4 != nil && err6 != nil {
		return nil, errors.Join(err4, err6)
	}
	return append(four, six...), nil
}

func lowestOf(ctx context.Context, names *net.Resolver, family, name string) ([]netip.Addr, error) {
	found, err := names.LookupNetIP(ctx, family, name)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return found[:min(len(found), tries)], nil
}
