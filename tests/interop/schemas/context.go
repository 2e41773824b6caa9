package main

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// The files of a folder that its .dockerignore lets through, by their paths.
func buildContext(folder string) ([]any, error) {
	file, err := os.Open(filepath.Join(folder, ".dockerignore"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return nil, err
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, err
	}
	var paths []any
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			// Far too many files, none of which was written by hand.
			if name == "target" || name == ".git" {
				return filepath.SkipDir
			}
			return nil
		}
		ignores, err := ignored.MatchesOrParentMatches(name)
		if err == nil && !ignores {
			paths = append(paths, name)
		}
		return err
	})
	return paths, err
}
