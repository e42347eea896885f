package snapshot

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"millrace"
)

// sampleTail is a tail whose length is no multiple of anything.
const sampleTail = "who still waits: 17"

func mustTailed(t testing.TB, parts ...Part) *Layout {
	t.Helper()
	l, err := NewTailedLayout(map[string]string{"format": "1", "names": `a "quoted" ☃`}, "join.waiting", parts...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// keyedSnapshot is a sealed snapshot with keyed state.
func keyedSnapshot(t testing.TB) millrace.Snapshot {
	t.Helper()
	s := sampleSnapshot(t)
	b := copyOf(mustTailed(t, Part{"model", newSample(4).filled()}))
	if err := b.SetTail([]byte(sampleTail)); err != nil {
		t.Fatal(err)
	}
	s.Serving, s.Training = b.Serving(), b.Training()
	s.Manifest.Applied, s.Manifest.Names = 9007199254740993, map[string]uint64{"joined": 3, "expired": 1 << 60, "crowded": 0}
	s.Manifest.Keyed = &millrace.Keyed{
		Rebuild: []millrace.Mark{
			{Topic: "b", Partition: 1, Offset: 7, Watermark: math.MinInt64}, {Topic: "a", Partition: 2, Offset: 5, Watermark: 1764000000000},
		},
		Watermark: math.MinInt64, Now: 1764000003600,
		Newest: []millrace.Mark{{Topic: "a", Partition: 2, Watermark: 1764000003600}},
	}
	Seal(&s)
	return s
}

func TestKeyedManifestRoundTrip(t *testing.T) {
	s := keyedSnapshot(t)
	data, err := EncodeManifest(s.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	m, err := DecodeManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	k := m.Keyed
	want := s.Manifest.Keyed
	if m.Format != FormatKeyed || m.Applied != s.Manifest.Applied || len(m.Names) != 2 || m.Names["expired"] != 1<<60 || k == nil ||
		k.Watermark != want.Watermark || k.Now != want.Now || k.Rebuild[0] != want.Rebuild[1] || k.Rebuild[1] != want.Rebuild[0] ||
		!slices.Equal(k.Newest, want.Newest) {
		t.Errorf("decoded %+v, %+v", m, k)
	}
	if want.Rebuild[0].Topic != "b" || len(s.Manifest.Names) != 3 {
		t.Error("encoding changed the caller's manifest")
	}
}

// TestFormatFollowsKeyed: a manifest of either format with the other's fields is refused, so that a program that knows
// only the first never takes one for what it is not.
func TestFormatFollowsKeyed(t *testing.T) {
	plain, err := EncodeManifest(sampleSnapshot(t).Manifest)
	if err != nil || !bytes.Contains(plain, []byte(`"format":1`)) {
		t.Fatalf("%s, %v", plain, err)
	}
	keyed, err := EncodeManifest(keyedSnapshot(t).Manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{
		bytes.Replace(plain, []byte(`"format":1`), []byte(`"format":2`), 1),
		bytes.Replace(keyed, []byte(`"format":2`), []byte(`"format":1`), 1),
		bytes.Replace(keyed, []byte(`"now":`), []byte(`"then":1,"now":`), 1),
		bytes.Replace(keyed, []byte(`"newest":[{`), []byte(`"newest":[{"x":1,`), 1),
		bytes.Replace(keyed, []byte(`"expired"`), []byte(`"Expired"`), 1),
		bytes.Replace(keyed, []byte(`"joined":3`), []byte(`"joined":0`), 1),
	} {
		_, err := DecodeManifest(bad)
		wantError(t, err, millrace.ErrCorrupt)
	}
}

func TestKeyedManifestIsChecked(t *testing.T) {
	tests := map[string]func(*millrace.Keyed, *millrace.Manifest){
		"rebuild twice":      func(k *millrace.Keyed, _ *millrace.Manifest) { k.Rebuild = append(k.Rebuild, k.Rebuild[0]) },
		"rebuild unknown":    func(k *millrace.Keyed, _ *millrace.Manifest) { k.Rebuild[0].Partition = 5 },
		"rebuild negative":   func(k *millrace.Keyed, _ *millrace.Manifest) { k.Rebuild[0].Offset = -1 },
		"rebuild ahead":      func(k *millrace.Keyed, _ *millrace.Manifest) { k.Rebuild[0].Offset = 8 },
		"watermark fell":     func(k *millrace.Keyed, _ *millrace.Manifest) { k.Watermark = k.Now + 1 },
		"newest twice":       func(k *millrace.Keyed, _ *millrace.Manifest) { k.Newest = append(k.Newest, k.Newest[0]) },
		"newest unknown":     func(k *millrace.Keyed, _ *millrace.Manifest) { k.Newest[0].Topic = "x" },
		"newest with offset": func(k *millrace.Keyed, _ *millrace.Manifest) { k.Newest[0].Offset = 1 },
		"odd name":           func(_ *millrace.Keyed, m *millrace.Manifest) { m.Names["Joined"] = 1 },
		"empty name":         func(_ *millrace.Keyed, m *millrace.Manifest) { m.Names[""] = 1 },
	}
	for name, change := range tests {
		s := keyedSnapshot(t)
		change(s.Manifest.Keyed, &s.Manifest)
		if _, err := EncodeManifest(s.Manifest); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSteps(t *testing.T) {
	if m := (millrace.Manifest{Learned: 2, Rejected: 3}); m.Steps() != 5 {
		t.Errorf("steps are %d", m.Steps())
	}
	if m := (millrace.Manifest{Learned: 2, Applied: 30}); m.Steps() != 30 {
		t.Errorf("steps are %d", m.Steps())
	}
}

// TestTail: whatever tails a buffer had before, the blob holds the tensors and the last one, and the tensors' places
// are those of a blob without.
func TestTail(t *testing.T) {
	live := newSample(5).filled()
	l := mustTailed(t, Part{"m", live})
	b := copyOf(l)
	bare := bytes.Clone(b.Training())
	for _, tail := range []string{"x", strings.Repeat("long", 100_000), "", "yz"} {
		l.Copy(b)
		if err := b.SetTail([]byte(tail)); err != nil {
			t.Fatal(err)
		}
		if len(b.Training()) != len(bare)+len(tail) || tail == "" && !bytes.Equal(b.Training(), bare) {
			t.Errorf("a tail of %d bytes makes a blob of %d from one of %d", len(tail), len(b.Training()), len(bare))
		}
		got := newSample(5)
		again := mustTailed(t, Part{"m", got})
		if err := again.Restore(b.Serving(), b.Training()); err != nil {
			t.Fatal(err)
		}
		if string(again.Tail()) != tail || got.hashes[4] != live.hashes[4] || got.offsets[1] != live.offsets[1] {
			t.Errorf("restored a tail of %d bytes, hashes %v, offsets %v", len(again.Tail()), got.hashes, got.offsets)
		}
		f, err := Parse(b.Training())
		if err != nil || f.Metadata["names"] != `a "quoted" ☃` {
			t.Errorf("the blob with a tail of %d bytes: %v", len(tail), err)
		}
	}
	l.Copy(b)
	if !bytes.Equal(b.Training(), bare) {
		t.Error("a copy keeps the tail of the capture before it")
	}
	if allocs := testing.AllocsPerRun(10, func() { l.Copy(b) }); allocs > 0 {
		t.Errorf("copying allocates %v times", allocs)
	}
}

// TestTailIsOptional: blobs from before there was a tail are restored with none; a layout without room for one refuses
// a blob that has it, as whoever restored it would forget what waits.
func TestTailIsOptional(t *testing.T) {
	old := copyOf(mustLayout(t, Part{"m", newSample(4).filled()}))
	got := newSample(4)
	l := mustTailed(t, Part{"m", got})
	if err := l.Restore(old.Serving(), old.Training()); err != nil || l.Tail() != nil || got.steps[0] != newSample(4).filled().steps[0] {
		t.Errorf("an old blob: %v, tail %q, steps %v", err, l.Tail(), got.steps)
	}
	b := copyOf(mustTailed(t, Part{"m", newSample(4).filled()}))
	if err := b.SetTail([]byte("x")); err != nil {
		t.Fatal(err)
	}
	err := mustLayout(t, Part{"m", newSample(4)}).Restore(b.Serving(), b.Training())
	if !errors.Is(err, millrace.ErrIncompatible) || !strings.Contains(err.Error(), "join.waiting") {
		t.Errorf("a tail that nobody takes: %v", err)
	}
	skipping := mustLayout(t, Part{"m", newSample(4)})
	skipping.SkipTail("join.waiting")
	if err := skipping.Restore(b.Serving(), b.Training()); err != nil || skipping.Tail() != nil {
		t.Errorf("a tail that is passed over: %v, %q", err, skipping.Tail())
	}
	skipping.SkipTail("other")
	if err := skipping.Restore(b.Serving(), b.Training()); !errors.Is(err, millrace.ErrIncompatible) {
		t.Errorf("another tail than the one to be passed over: %v", err)
	}
	if err := l.Restore(b.Serving(), b.Training()); err != nil || string(l.Tail()) != "x" {
		t.Fatal(err, l.Tail())
	}
	if err := l.Restore(old.Serving(), old.Training()); err != nil || l.Tail() != nil {
		t.Errorf("the tail of an earlier restore stays: %q, %v", l.Tail(), err)
	}
}

func TestTailIsBounded(t *testing.T) {
	b := copyOf(mustTailed(t, Part{"m", newSample(4)}))
	if err := b.SetTail(make([]byte, TailBytesMax)); err != nil {
		t.Errorf("the longest tail: %v", err)
	}
	if _, err := Parse(b.Training()); err != nil {
		t.Errorf("the longest tail: %v", err)
	}
	if err := b.SetTail(make([]byte, TailBytesMax+1)); err == nil {
		t.Error("a longer tail is taken")
	}
	big := stateOf(func(visit func(string, millrace.Tensor, millrace.Role)) {
		visit("big", millrace.Tensor{Shape: []int{BlobBytesMax - TailBytesMax}, U8: make([]byte, BlobBytesMax-TailBytesMax)}, millrace.Training)
	})
	if _, err := NewTailedLayout(nil, "tail", Part{State: big}); err == nil {
		t.Error("a blob that has no room for the longest tail is planned")
	}
	for _, name := range []string{"", "m.steps", ".x", metadataKey} {
		if _, err := NewTailedLayout(nil, name, Part{"m", newSample(4)}); err == nil {
			t.Errorf("a tail may be called %q", name)
		}
	}
}
