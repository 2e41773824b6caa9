package sample

import (
	"strconv"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
)

func init() { plugin.Register("sample", setup) }

func setup(c *caddy.Controller) error {
	size, err := parse(c)
	if err != nil {
		return plugin.Error("sample", err)
	}
	dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler {
		return sampler{next: next, size: size}
	})
	return nil
}

func parse(c *caddy.Controller) (int, error) {
	c.Next()
	args := c.RemainingArgs()
	if len(args) != 1 {
		return 0, c.ArgErr()
	}
	size, err := strconv.Atoi(args[0])
	if err != nil || size < 1 {
		return 0, c.Errf("the number of records must be 1 or more, not %q", args[0])
	}
	if c.Next() {
		return 0, plugin.ErrOnce
	}
	return size, nil
}
