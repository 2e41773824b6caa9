// Package sample is a plugin that answers with only some of the addresses, drawn anew for each query, and does not
// say so: the answer is not marked as truncated. AWS Cloud Map answers so with 8 records of however many there are.
//
// In the Corefile: sample N
package sample

import (
	"context"
	"math/rand/v2"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

type sampler struct {
	next plugin.Handler
	size int
}

// Name is the plugin's in the Corefile and in messages.
func (sampler) Name() string { return "sample" }

// ServeDNS lets the next plugin answer, and cuts what it writes.
func (s sampler) ServeDNS(ctx context.Context, w dns.ResponseWriter, query *dns.Msg) (int, error) {
	return plugin.NextOrFailure(s.Name(), s.next, ctx, &writer{ResponseWriter: w, size: s.size}, query)
}

type writer struct {
	dns.ResponseWriter
	size int
}

// WriteMsg writes the reply with no more than size addresses; other records, such as CNAMEs, all stay.
func (w *writer) WriteMsg(reply *dns.Msg) error {
	reply.Answer = draw(reply.Answer, w.size)
	return w.ResponseWriter.WriteMsg(reply)
}

// draw leaves its argument as it is: the plugin file answers with slices of its own zone.
func draw(answer []dns.RR, size int) []dns.RR {
	var drawn, addresses []dns.RR
	for _, record := range answer {
		switch record.Header().Rrtype {
		case dns.TypeA, dns.TypeAAAA:
			addresses = append(addresses, record)
		default:
			drawn = append(drawn, record)
		}
	}
	if len(addresses) <= size {
		return answer
	}
	for _, i := range rand.Perm(len(addresses))[:size] {
		drawn = append(drawn, addresses[i])
	}
	return drawn
}
