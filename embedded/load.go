package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// load fills the server from the data directory.
func (r *Redis) load() error {
	entries, err := os.ReadDir(r.o.Dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() && strings.HasPrefix(entry.Name(), modelDirectory) {
			if err := r.loadModel(filepath.Join(r.o.Dir, entry.Name())); err != nil {
				return fmt.Errorf("loading %s: %w", filepath.Join(r.o.Dir, entry.Name()), err)
			}
		}
	}
	return nil
}

func (r *Redis) loadModel(directory string) error {
	text, err := os.ReadFile(filepath.Join(directory, pointersFile))
	if errors.Is(err, os.ErrNotExist) {
		text, err = []byte(`{"format":1}`), nil // the first version was being written
	}
	if err != nil {
		return err
	}
	p := pointers{}
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("reading %s: %w", pointersFile, err)
	}
	if p.Format != 1 {
		return fmt.Errorf("reading %s: format %d; this program reads format 1", pointersFile, p.Format)
	}
	prefix := keyPrefix + p.Model + "}:"
	if err := r.loadPointers(prefix, p); err != nil {
		return err
	}
	files := &modelFiles{pointers: p, candidates: map[string]bool{}}
	entries, err := os.ReadDir(directory)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(directory, entry.Name())
		name, kind, _ := strings.Cut(entry.Name(), ".")
		rest := candidatePrefix + name + ":" + kind
		switch _, candidate := candidateFile(rest); {
		case entry.Name() == pointersFile:
		case candidate && strings.Contains(string(text), name):
			blob, err := os.ReadFile(path)
			if err == nil {
				err = r.server.Set(prefix+rest, string(blob))
			}
			if err != nil {
				return err
			}
			files.candidates[rest] = true
		case candidate || strings.HasSuffix(entry.Name(), ".tmp"):
			// What a crash left behind before any pointer led to it.
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	if p.Model != "" {
		r.disk[p.Model] = files
	}
	return nil
}

func (r *Redis) loadPointers(prefix string, p pointers) error {
	var errs []error
	for rest, v := range p.Strings {
		errs = append(errs, r.server.Set(prefix+rest, v))
	}
	for rest, fields := range p.Hashes {
		for name, v := range fields {
			r.server.HSet(prefix+rest, name, v)
		}
	}
	for rest, members := range p.Sets {
		if len(members) > 0 {
			_, err := r.server.SetAdd(prefix+rest, members...)
			errs = append(errs, err)
		}
	}
	for rest, members := range p.Sorted {
		for member, score := range members {
			_, err := r.server.ZAdd(prefix+rest, score, member)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
