package main

import (
	"context"

	"github.com/compose-spec/compose-go/v2/cli"
)

// Reads a project as `docker compose config` does: against the schema of the Compose Specification.
func compose(file string) ([]any, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithName("schemas"))
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	return []any{project}, nil
}
