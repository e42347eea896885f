package snapshot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"millrace"
)

// The tensors of a snapshot file.
const (
	fileManifest = "manifest"
	fileServing  = "serving"
	fileTraining = "training"
)

// fileFormat marks a snapshot file in its metadata.
const fileFormat = "millrace-snapshot-1"

// fileBytesMax bounds a snapshot file: header, manifest and both blobs at their limits.
const fileBytesMax = 8 + HeaderBytesMax + ManifestBytesMax + 2*BlobBytesMax

// WriteFile writes a whole snapshot to one file, durably and atomically. The file is a safetensors
// file itself, with the manifest and the blobs as its U8 tensors, so it needs no format of its own.
// It seals s first, and refuses what ReadFile would.
func WriteFile(path string, s millrace.Snapshot) error {
	chunks, err := encodeFile(s)
	if err != nil {
		return err
	}
	return ReplaceFile(path, chunks...)
}

// EncodeFile writes what WriteFile writes to w, for whoever has a place for it.
func EncodeFile(w io.Writer, s millrace.Snapshot) error {
	chunks, err := encodeFile(s)
	if err != nil {
		return err
	}
	for _, chunk := range chunks {
		if _, err := w.Write(chunk); err != nil {
			return fmt.Errorf("writing snapshot file: %w", err)
		}
	}
	return nil
}

// encodeFile is a snapshot file in pieces.
func encodeFile(s millrace.Snapshot) ([][]byte, error) {
	if s.Training == nil {
		return nil, errors.New("writing snapshot file: the training blob was not loaded")
	}
	Seal(&s)
	manifest, err := EncodeManifest(s.Manifest)
	if err != nil {
		return nil, fmt.Errorf("writing snapshot file: %w", err)
	}
	digest := Digest(manifest)
	if err := Verify(s, manifest, digest); err != nil {
		return nil, fmt.Errorf("writing snapshot file: %w", err)
	}
	chunks := [][]byte{nil, manifest, s.Serving, s.Training}
	offset := 0
	var tensors []planned
	for i, name := range []string{fileManifest, fileServing, fileTraining} {
		n := len(chunks[i+1])
		tensors = append(tensors, planned{name: name, dtype: U8, shape: []int{n}, begin: offset, end: offset + n})
		offset += n
	}
	chunks[0] = encodeHeader(map[string]string{"format": fileFormat, "digest": digest}, tensors)
	return chunks, nil
}

// ReadFile reads what WriteFile wrote and verifies it. Errors of content wrap millrace.ErrCorrupt.
func ReadFile(path string) (millrace.Snapshot, error) {
	data, err := readBounded(path)
	if err != nil {
		return millrace.Snapshot{}, fmt.Errorf("reading snapshot file: %w", err)
	}
	s, err := decodeFile(data)
	if err != nil {
		return millrace.Snapshot{}, fmt.Errorf("reading snapshot file %s: %w", path, err)
	}
	return s, nil
}

func readBounded(path string) (data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err = io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err != nil {
		return nil, err
	}
	if len(data) > fileBytesMax {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", millrace.ErrCorrupt, path, fileBytesMax)
	}
	return data, nil
}

func decodeFile(data []byte) (millrace.Snapshot, error) {
	var s millrace.Snapshot
	if len(data) < 9 || data[8] != '{' { // where any such file has its header
		return s, fmt.Errorf("it is no snapshot file, as train --out writes one (%w)", millrace.ErrCorrupt)
	}
	f, err := parse(data, fileBytesMax)
	if err != nil {
		return s, err
	}
	if got := f.Metadata["format"]; got != fileFormat || len(f.Tensors) != 3 {
		return s, fmt.Errorf("%w: no snapshot file (format %.40q, %d tensors)", millrace.ErrCorrupt, got, len(f.Tensors))
	}
	pieces := map[string][]byte{}
	for _, t := range f.Tensors {
		if t.DType == U8 {
			pieces[t.Name] = t.Data
		}
	}
	for _, name := range []string{fileManifest, fileServing, fileTraining} {
		if pieces[name] == nil {
			return s, fmt.Errorf("%w: no snapshot file: tensor %q is missing", millrace.ErrCorrupt, name)
		}
	}
	manifest := pieces[fileManifest]
	if s.Manifest, err = DecodeManifest(manifest); err != nil {
		return s, err
	}
	s.Serving, s.Training = pieces[fileServing], pieces[fileTraining]
	// In Redis the digest stands in the pointer; here it stands beside the manifest, against decay.
	return s, Verify(s, manifest, f.Metadata["digest"])
}

// ReplaceFile writes the chunks to path so that, whatever happens, a reader finds the old content
// or the new, and after it returns nil the new one survives a crash of the machine: it writes a
// temporary file beside it, syncs it, renames it and syncs the directory. Only its owner may read the file: weights
// tell of what they were learned from.
func ReplaceFile(path string, chunks ...[]byte) error {
	return ReplaceFileBy(path, func(w io.Writer) error {
		for _, chunk := range chunks {
			if _, err := w.Write(chunk); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}

// ReplaceFileBy is ReplaceFile for what need not be in memory: write writes the new content. Once that is whole and on
// disk, before it takes its name, aside may move away what has that; nil leaves it to be replaced.
func ReplaceFileBy(path string, write func(w io.Writer) error, aside func() error) (err error) {
	directory := filepath.Dir(path)
	f, err := os.CreateTemp(directory, "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("replacing file: %w", err)
	}
	defer func() {
		if err != nil {
			// What stands in the way was reported; a leftover temporary file harms nothing.
			_ = f.Close()
			_ = os.Remove(f.Name())
			err = fmt.Errorf("replacing file: %w", err)
		}
	}()
	if err = write(f); err != nil {
		return err
	}
	if err = errors.Join(f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return err
	}
	if aside != nil {
		if err = aside(); err != nil {
			return err
		}
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDirectory(directory)
}

// syncDirectory makes a rename survive a power cut.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
