package snapshot

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"millrace"
)

// Golden files are never replaced when the format changes: a new format gets new files beside them,
// and the old ones must still load. The flag writes files of the current format that do not exist.
var update = flag.Bool("update", false, "write missing golden files")

func goldenPath(name string) string { return filepath.Join("testdata", name) }

func TestGoldenFiles(t *testing.T) {
	testGolden(t, "v1", sampleSnapshot(t))
	testGolden(t, "v2", keyedSnapshot(t))
}

// testGolden compares what is written today with the golden files of a format.
func testGolden(t *testing.T, version string, s millrace.Snapshot) {
	t.Helper()
	manifest, err := EncodeManifest(s.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(t.TempDir(), "whole")
	if err := WriteFile(whole, s); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	current := map[string][]byte{
		version + ".manifest.json":        manifest,
		version + ".serving.safetensors":  s.Serving,
		version + ".training.safetensors": s.Training,
		version + ".snapshot":             file,
	}
	for name, want := range current {
		if *update {
			if _, err := os.Stat(goldenPath(name)); os.IsNotExist(err) {
				if err := os.WriteFile(goldenPath(name), want, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		got, err := os.ReadFile(goldenPath(name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the bytes written today differ from the golden file", name)
		}
	}
}

// Old formats must load whatever is written today.
func TestGoldenFilesLoad(t *testing.T) {
	read := func(name string) []byte {
		data, err := os.ReadFile(goldenPath(name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for _, version := range []string{"v1", "v2"} {
		m, err := DecodeManifest(read(version + ".manifest.json"))
		if err != nil {
			t.Fatalf("%s: %v", version, err)
		}
		s := millrace.Snapshot{
			Manifest: m, Serving: read(version + ".serving.safetensors"), Training: read(version + ".training.safetensors"),
		}
		if err := Verify(s, read(version+".manifest.json"), Digest(read(version+".manifest.json"))); err != nil {
			t.Errorf("%s: %v", version, err)
		}
		live := newSample(4)
		layout := mustLayout(t, Part{"model", live})
		if version == "v2" {
			layout = mustTailed(t, Part{"model", live})
		}
		if err := layout.Restore(s.Serving, s.Training); err != nil {
			t.Errorf("%s: %v", version, err)
		}
		if want := map[string]string{"v2": sampleTail}[version]; string(layout.Tail()) != want {
			t.Errorf("%s: the tail is %q, want %q", version, layout.Tail(), want)
		}
		live.restored = 0
		if !reflect.DeepEqual(live, newSample(4).filled()) {
			t.Errorf("%s: restored %+v", version, live)
		}
		whole, err := ReadFile(goldenPath(version + ".snapshot"))
		if err != nil || !bytes.Equal(whole.Serving, s.Serving) {
			t.Errorf("%s: the snapshot file gives another serving blob, or %v", version, err)
		}
	}
}

// Positions that say which topic they speak of are written beside those of before, which have kept their bytes: see
// v1.manifest.json.
func TestGoldenManifestWithTopics(t *testing.T) {
	m := sampleSnapshot(t).Manifest
	m.Positions[0].TopicID = "kT8bLRMOQvmDTzSxFq1hWg"
	m.Positions[1].Fingerprint = millrace.Fingerprint{Last: 1<<60 - 1, Time: 1764000000000, CRC: 0xfeedbeef}
	want, err := EncodeManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	path := goldenPath("v1.topics.manifest.json")
	if *update {
		if _, err := os.Stat(path); os.IsNotExist(err) {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the bytes written today differ from the golden file:\n%s\n%s", want, got)
	}
	read, err := DecodeManifest(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range read.Positions {
		if p != m.Positions[0] && p != m.Positions[1] {
			t.Errorf("read back: %+v", p)
		}
	}
}
