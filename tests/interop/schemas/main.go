// Reads what is in `examples/` for Kubernetes, Docker Compose, Docker and Grafana, by the types and parsers that
// these read it by themselves. A field that they do not know is an error.
//
//	schemas kustomize FOLDER    builds it, and prints one object of Kubernetes on each line
//	schemas compose FILE        prints the project
//	schemas dockerfile FILE     prints each stage
//	schemas context FOLDER      prints the files that its .dockerignore lets through
//	schemas dashboard FILE      prints it
//
// Exit code: 0, 1 if it is not as it should be, 2 on bad use.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	readers := map[string]func(string) ([]any, error){
		"kustomize":  kustomize,
		"compose":    compose,
		"dockerfile": dockerfile,
		"context":    buildContext,
		"dashboard":  readDashboard,
	}
	if len(os.Args) != 3 || readers[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "use: schemas kustomize|compose|dockerfile|context|dashboard PATH")
		os.Exit(2)
	}
	read, err := readers[os.Args[1]](os.Args[2])
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[2], err)
		os.Exit(1)
	}
	lines := json.NewEncoder(os.Stdout)
	for _, object := range read {
		if err := lines.Encode(object); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
