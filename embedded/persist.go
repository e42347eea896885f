package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"millrace/snapshot"
)

const (
	keyPrefix       = "millrace:{"
	candidatePrefix = "c:"
	pointersFile    = "pointers.json"
	modelDirectory  = "model-"
	// persistAttemptsMax bounds how often a model is read anew because it changed meanwhile. Changes
	// come one a publication, and a reading takes microseconds.
	persistAttemptsMax = 20
)

// pointers is one model's small keys, by what follows the model in their names. They change together,
// so they stand in one file, which is replaced as a whole.
type pointers struct {
	Format  int                           `json:"format"`
	Model   string                        `json:"model"`
	Strings map[string]string             `json:"strings"`
	Hashes  map[string]map[string]string  `json:"hashes"`
	Sets    map[string][]string           `json:"sets"`
	Sorted  map[string]map[string]float64 `json:"sorted"`
}

// modelFiles is what of a model is on disk.
type modelFiles struct {
	pointers   pointers
	candidates map[string]bool // keys' ends, as c:12-3-…:serving
}

// splitKey takes a key apart: millrace:{model}:rest.
func splitKey(key string) (model, rest string, ok bool) {
	tail, ok := strings.CutPrefix(key, keyPrefix)
	if !ok {
		return "", "", false
	}
	model, rest, ok = strings.Cut(tail, "}:")
	return model, rest, ok && model != ""
}

func (r *Redis) directory(model string) string {
	return filepath.Join(r.o.Dir, modelDirectory+url.PathEscape(model))
}

// candidateFile is the file of a candidate's key, 12-3-….serving for c:12-3-…:serving; false for keys
// that no publication writes.
func candidateFile(rest string) (string, bool) {
	name, kind, ok := strings.Cut(strings.TrimPrefix(rest, candidatePrefix), ":")
	plain := strings.Trim(name, "0123456789abcdef-") == "" && name != ""
	return name + "." + kind, ok && plain && slices.Contains([]string{"manifest", "serving", "training"}, kind)
}

func (r *Redis) persistAll() error {
	if r.o.Dir == "" {
		return nil
	}
	models := map[string]bool{}
	for _, key := range r.server.Keys() {
		if model, _, ok := splitKey(key); ok {
			models[model] = true
		}
	}
	r.mu.Lock()
	for model := range r.disk {
		models[model] = true // all of its keys may have been deleted
	}
	r.mu.Unlock()
	var errs []error
	for model := range models {
		errs = append(errs, r.persist(model))
	}
	return errors.Join(errs...)
}

// persist brings the model's files up to date: new candidates first, then the pointers, then the files
// that nothing points to any more go. A crash between any two leaves the old pointers with all that
// they point to, or the new ones.
func (r *Redis) persist(model string) error {
	if r.o.Dir == "" {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errors.New("the data directory is closed")
	}
	for range persistAttemptsMax {
		now, candidates := r.gather(model)
		files := r.disk[model]
		if files == nil {
			files = &modelFiles{candidates: map[string]bool{}}
		}
		if reflect.DeepEqual(files.pointers, now) && maps.Equal(files.candidates, candidates) {
			return nil
		}
		if err := r.writeCandidates(model, files, candidates); err != nil {
			return fmt.Errorf("keeping model %s: %w", model, err)
		}
		r.disk[model] = files
		// The keys were read one by one. If they read the same again, no flip came between: neither one
		// after the pointers, nor one after the candidates that the pointers lead to already.
		if again, still := r.gather(model); !reflect.DeepEqual(again, now) || !maps.Equal(still, candidates) {
			continue
		}
		if err := r.writePointers(model, now); err != nil {
			return fmt.Errorf("keeping model %s: %w", model, err)
		}
		files.pointers = now
		for rest := range files.candidates {
			if !candidates[rest] {
				name, _ := candidateFile(rest)
				if err := os.Remove(filepath.Join(r.directory(model), name)); err != nil && !errors.Is(err, os.ErrNotExist) {
					return fmt.Errorf("keeping model %s: %w", model, err)
				}
				delete(files.candidates, rest)
			}
		}
		return nil
	}
	return fmt.Errorf("keeping model %s: it changes faster than it can be written", model)
}

// gather reads a model's pointers and the ends of its published candidates' keys.
func (r *Redis) gather(model string) (pointers, map[string]bool) {
	p := pointers{
		Format: 1, Model: model,
		Strings: map[string]string{}, Hashes: map[string]map[string]string{},
		Sets: map[string][]string{}, Sorted: map[string]map[string]float64{},
	}
	candidates := map[string]bool{}
	m := r.server
	for _, key := range m.Keys() {
		owner, rest, ok := splitKey(key)
		if !ok || owner != model || m.TTL(key) != 0 {
			continue // a key that expires was not published
		}
		if strings.HasPrefix(rest, candidatePrefix) {
			if _, ok := candidateFile(rest); ok {
				candidates[rest] = true
			}
			continue
		}
		// A key that goes between listing and reading is an error here; the second reading sees it.
		switch m.Type(key) {
		case "string":
			if v, err := m.Get(key); err == nil && utf8.ValidString(v) {
				p.Strings[rest] = v
			}
		case "hash":
			fields := map[string]string{}
			names, _ := m.HKeys(key)
			for _, name := range names {
				fields[name] = m.HGet(key, name)
			}
			p.Hashes[rest] = fields
		case "set":
			p.Sets[rest], _ = m.SMembers(key)
		case "zset":
			p.Sorted[rest] = r.sortedSet(key)
		}
	}
	return p, candidates
}

// sortedSet copies a sorted set. The server would give away the map that it goes on writing to: read beside it, that is
// a race, and kept as what is on disk, it would always look up to date.
func (r *Redis) sortedSet(key string) map[string]float64 {
	members, _ := r.server.ZMembers(key) // what has gone meanwhile is empty, and the second reading sees it
	set := make(map[string]float64, len(members))
	for _, member := range members {
		if score, err := r.server.ZScore(key, member); err == nil {
			set[member] = score
		}
	}
	return set
}

// writeCandidates writes the candidates that have no file. They never change, so one file is for good.
func (r *Redis) writeCandidates(model string, files *modelFiles, candidates map[string]bool) error {
	directory := r.directory(model)
	if err := os.MkdirAll(directory, 0o750); err != nil {
		return err
	}
	for rest := range candidates {
		if files.candidates[rest] {
			continue
		}
		value, err := r.server.Get(keyPrefix + model + "}:" + rest)
		if err != nil {
			continue // deleted meanwhile
		}
		name, _ := candidateFile(rest)
		if err := snapshot.ReplaceFile(filepath.Join(directory, name), []byte(value)); err != nil {
			return err
		}
		files.candidates[rest] = true
	}
	return nil
}

func (r *Redis) writePointers(model string, p pointers) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return snapshot.ReplaceFile(filepath.Join(r.directory(model), pointersFile), data, []byte("\n"))
}
