package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// Reads a file as BuildKit does, for which a warning is an error here.
func dockerfile(path string) ([]any, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		return nil, err
	}
	var warnings []error
	lint := linter.New(&linter.Config{
		Warn: func(rule, description, _, message string, _ []parser.Range) {
			warnings = append(warnings, fmt.Errorf("%s: %s (%s)", rule, message, description))
		},
	})
	stages, _, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		return nil, err
	}
	var read []any
	for _, stage := range stages {
		commands := map[string]any{}
		for _, command := range stage.Commands {
			commands[command.Name()] = command
		}
		read = append(read, map[string]any{"from": stage.BaseName, "commands": commands})
	}
	return read, errors.Join(warnings...)
}
