// Package refuse is a plugin that answers with a response code: queries that carry an OPT record, as servers from
// before EDNS do (RFC 6891 section 7), or all. It can leave out all but the header, as some do that could not read on.
//
// In the Corefile: refuse edns|all CODE [bare] [ZONE...]
package refuse

import (
	"context"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

type refuser struct {
	next  plugin.Handler
	zones plugin.Zones
	// Whether queries without EDNS are refused too.
	all  bool
	code int
	bare bool
}

// Name is the plugin's in the Corefile and in messages.
func (refuser) Name() string { return "refuse" }

// ServeDNS refuses, or lets the next plugin answer.
func (r refuser) ServeDNS(ctx context.Context, w dns.ResponseWriter, query *dns.Msg) (int, error) {
	ours := len(query.Question) > 0 && r.zones.Matches(query.Question[0].Name) != ""
	if !ours || !r.all && query.IsEdns0() == nil {
		return plugin.NextOrFailure(r.Name(), r.next, ctx, w, query)
	}
	reply, err := r.reply(query).Pack()
	if err != nil {
		return dns.RcodeServerFailure, plugin.Error(r.Name(), err)
	}
	// As bytes: the server would add an OPT record to a message.
	if _, err := w.Write(reply); err != nil {
		return dns.RcodeServerFailure, plugin.Error(r.Name(), err)
	}
	return dns.RcodeSuccess, nil
}

func (r refuser) reply(query *dns.Msg) *dns.Msg {
	reply := new(dns.Msg).SetRcode(query, r.code)
	if r.bare {
		reply.Question = nil
	}
	return reply
}
