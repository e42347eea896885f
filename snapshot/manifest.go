package snapshot

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"millrace"
)

// The versions of manifest and blobs that this package reads and writes. Fields added within one format must be left
// out when empty, so that old manifests still read back as the bytes they were.
const (
	Format      = 1 // of all state that is in the blobs
	FormatKeyed = 2 // of state that is partly made again from the log, see [millrace.Keyed]
)

// formatOf is the format that a manifest is written in.
func formatOf(m *millrace.Manifest) int {
	if m.Keyed != nil {
		return FormatKeyed
	}
	return Format
}

// EncodeManifest writes a manifest in its one canonical form: see [CanonicalJSON]; besides, times are
// UTC in milliseconds and positions are ordered by topic and partition. It refuses a manifest that
// DecodeManifest would.
func EncodeManifest(m millrace.Manifest) ([]byte, error) {
	if err := checkManifest(&m); err != nil {
		return nil, fmt.Errorf("encoding manifest: %w", err)
	}
	data, err := CanonicalJSON(normalise(m))
	if err != nil {
		return nil, fmt.Errorf("encoding manifest: %w", err)
	}
	if len(data) > ManifestBytesMax {
		return nil, fmt.Errorf("encoding manifest: %d bytes, more than %d", len(data), ManifestBytesMax)
	}
	return data, nil
}

// normalise makes manifests that mean the same equal, without touching the caller's.
func normalise(m millrace.Manifest) millrace.Manifest {
	m.CreatedAt = m.CreatedAt.UTC().Truncate(time.Millisecond)
	positions := append([]millrace.Position{}, m.Positions...) // never nil: [] and not null
	slices.SortFunc(positions, func(a, b millrace.Position) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	m.Positions = positions
	m.Names = maps.Clone(m.Names)
	maps.DeleteFunc(m.Names, func(_ string, n uint64) bool { return n == 0 })
	if m.Keyed != nil {
		k := *m.Keyed
		k.Rebuild, k.Newest = inOrder(k.Rebuild), inOrder(k.Newest)
		m.Keyed = &k
	}
	return m
}

func checkManifest(m *millrace.Manifest) error {
	if m.Format != Format && m.Format != FormatKeyed {
		return fmt.Errorf("format %d; this program reads and writes formats %d and %d", m.Format, Format, FormatKeyed)
	}
	if want := formatOf(m); m.Format != want {
		return fmt.Errorf("format %d, which is not that of its fields, %d", m.Format, want)
	}
	if m.Model == "" {
		return fmt.Errorf("no model name")
	}
	for name, blob := range map[string]millrace.BlobInfo{"serving": m.Serving, "training": m.Training} {
		if blob.Bytes < 0 || blob.Bytes > BlobBytesMax {
			return fmt.Errorf("%s blob of %d bytes; at most %d", name, blob.Bytes, BlobBytesMax)
		}
		if !isDigest(blob.SHA256) {
			return fmt.Errorf("%s blob's SHA-256 %.80q is not 64 lower-case hexadecimal digits", name, blob.SHA256)
		}
	}
	seen := map[millrace.Position]bool{}
	for _, p := range m.Positions {
		place := millrace.Position{Topic: p.Topic, Partition: p.Partition}
		if seen[place] || p.Offset < 0 || p.Partition < 0 {
			return fmt.Errorf("position %s/%d at %d is negative or given twice", p.Topic, p.Partition, p.Offset)
		}
		seen[place] = true
	}
	return checkKeyed(m)
}

// isDigest is that a word is a SHA-256 as Digest writes it.
func isDigest(word string) bool {
	sum, err := hex.DecodeString(word)
	return err == nil && len(sum) == sha256.Size && hex.EncodeToString(sum) == word
}

// DecodeManifest reads a manifest strictly: it must be, byte for byte, what EncodeManifest writes.
// Every error wraps millrace.ErrCorrupt.
func DecodeManifest(data []byte) (millrace.Manifest, error) {
	var m millrace.Manifest
	if len(data) > ManifestBytesMax {
		return m, fmt.Errorf("%w: manifest of %d bytes, more than %d", millrace.ErrCorrupt, len(data), ManifestBytesMax)
	}
	if _, err := parseStrict(data); err != nil {
		return m, fmt.Errorf("%w: manifest: %w", millrace.ErrCorrupt, err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%w: manifest: %w", millrace.ErrCorrupt, err)
	}
	// Comparing the bytes refuses, at one stroke, unknown fields, fields in another case, missing
	// ones, and every second way to write the same thing.
	again, err := EncodeManifest(m)
	if err != nil {
		return m, fmt.Errorf("%w: %w", millrace.ErrCorrupt, err)
	}
	if !bytes.Equal(again, data) {
		return m, fmt.Errorf("%w: the manifest is not in canonical form", millrace.ErrCorrupt)
	}
	return m, nil
}

// Digest is the SHA-256 of an encoded manifest in lower-case hexadecimal. Since the manifest carries
// the SHA-256 of both blobs, it names the whole snapshot.
func Digest(manifest []byte) string {
	sum := sha256.Sum256(manifest)
	return hex.EncodeToString(sum[:])
}

// Seal fills in the format and what the manifest says of the blobs.
func Seal(s *millrace.Snapshot) {
	s.Manifest.Format = formatOf(&s.Manifest)
	s.Manifest.Serving = blobInfo(s.Serving)
	s.Manifest.Training = blobInfo(s.Training)
}

func blobInfo(blob []byte) millrace.BlobInfo {
	return millrace.BlobInfo{Bytes: int64(len(blob)), SHA256: Digest(blob)}
}

// Verify checks a loaded snapshot against its encoded manifest, and that against the digest of the
// pointer that led to it: checksums, sizes, format, both blobs well-formed, and every float of the
// serving blob finite. Training may be nil, as scorers load it. Errors wrap millrace.ErrCorrupt.
func Verify(s millrace.Snapshot, manifest []byte, digest string) error {
	if got := Digest(manifest); got != digest {
		return fmt.Errorf("%w: the manifest's SHA-256 is %s, not %.80s", millrace.ErrCorrupt, got, digest)
	}
	m, err := DecodeManifest(manifest)
	if err != nil {
		return err
	}
	// The caller goes on with s.Manifest, so it must say what was checked.
	if again, err := EncodeManifest(s.Manifest); err != nil || !bytes.Equal(again, manifest) {
		return fmt.Errorf("%w: the snapshot's manifest is not the encoded one", millrace.ErrCorrupt)
	}
	serving, err := verifyBlob("serving", s.Serving, m.Serving)
	if err != nil {
		return err
	}
	if err := serving.checkFinite(); err != nil {
		return fmt.Errorf("checking serving blob: %w", err)
	}
	if s.Training != nil {
		_, err = verifyBlob("training", s.Training, m.Training)
	}
	return err
}

func verifyBlob(name string, blob []byte, want millrace.BlobInfo) (*File, error) {
	if int64(len(blob)) != want.Bytes {
		return nil, fmt.Errorf("%w: the %s blob has %d bytes, not %d", millrace.ErrCorrupt, name, len(blob), want.Bytes)
	}
	if got := Digest(blob); got != want.SHA256 {
		return nil, fmt.Errorf("%w: the %s blob's SHA-256 is %s, not %s", millrace.ErrCorrupt, name, got, want.SHA256)
	}
	f, err := Parse(blob)
	if err != nil {
		return nil, fmt.Errorf("reading %s blob: %w", name, err)
	}
	return f, nil
}
