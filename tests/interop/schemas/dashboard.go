package main

import (
	"encoding/json"
	"errors"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Reads a dashboard by Grafana's own types, those of its panels and queries included.
func readDashboard(file string) ([]any, error) {
	plugins.RegisterDefaultPlugins()
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var strict, read dashboard.Dashboard
	// Where nothing is wrong, it returns an empty list of errors, and leaves out the panels.
	var wrong cog.BuildErrors
	if err := strict.UnmarshalJSONStrict(text); err != nil && !(errors.As(err, &wrong) && len(wrong) == 0) {
		return nil, err
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return nil, err
	}
	return []any{read}, read.Validate()
}
