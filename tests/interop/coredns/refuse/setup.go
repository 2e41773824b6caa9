package refuse

import (
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

func init() { plugin.Register("refuse", setup) }

func setup(c *caddy.Controller) error {
	parsed, err := parse(c)
	if err != nil {
		return plugin.Error("refuse", err)
	}
	dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler {
		parsed.next = next
		return parsed
	})
	return nil
}

func parse(c *caddy.Controller) (r refuser, err error) {
	c.Next()
	args := c.RemainingArgs()
	if len(args) < 2 {
		return r, c.ArgErr()
	}
	switch args[0] {
	case "edns":
	case "all":
		r.all = true
	default:
		return r, c.Errf("it refuses edns or all, not %q", args[0])
	}
	code, known := dns.StringToRcode[args[1]]
	if !known {
		return r, c.Errf("%q is no response code", args[1])
	}
	r.code, args = code, args[2:]
	if len(args) > 0 && args[0] == "bare" {
		r.bare, args = true, args[1:]
	}
	r.zones = plugin.OriginsFromArgsOrServerBlock(args, c.ServerBlockKeys)
	if c.Next() {
		return r, plugin.ErrOnce
	}
	return r, nil
}
