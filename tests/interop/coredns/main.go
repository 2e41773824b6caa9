// Command coredns is CoreDNS with the few plugins that the interoperability suite serves names by.
//
// It reads a Corefile as the released program does: coredns --conf FILE, and --plugins lists what is built in.
// The plugin kubernetes brings in the whole Kubernetes client, so it is there only with -tags kubernetes,
// together with what kubeadm's Corefile names besides.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/erratic"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/file"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/template"

	_ "interop/coredns/refuse"
	_ "interop/coredns/sample"
)

// directives is the order in which plugins see a query: that of the released program. sample stands before cache,
// so that each answer is drawn anew, and after loadbalance, which then shuffles what was drawn. refuse stands before all
// that answer.
var directives = []string{
	"reload",
	"bind",
	"health",
	"ready",
	"prometheus",
	"errors",
	"log",
	"refuse",
	"loadbalance",
	"sample",
	"cache",
	"template",
	"kubernetes",
	"file",
	"loop",
	"forward",
	"erratic",
}

func main() {
	dnsserver.Directives = directives
	coremain.Run()
}
