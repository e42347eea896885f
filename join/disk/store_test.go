package disk

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"millrace"
	"millrace/join/frozen"
)

// faulty are files in memory that fail when they are told to.
type faulty struct {
	files map[string]*faultyFile
	fails func(op string, b []byte) error // of an operation's name; may change what was read
}

type faultyFile struct {
	of   *faulty
	data []byte
}

func (f *faulty) fail(op string, b []byte) error {
	if f.fails == nil {
		return nil
	}
	return f.fails(op, b)
}

func (f *faulty) Create(name string) (File, error) {
	if err := f.fail("create", nil); err != nil {
		return nil, err
	}
	if f.files == nil {
		f.files = map[string]*faultyFile{}
	}
	f.files[name] = &faultyFile{of: f}
	return f.files[name], nil
}

func (f *faulty) Remove(name string) error {
	if err := f.fail("remove", nil); err != nil {
		return err
	}
	if f.files[name] == nil {
		return os.ErrNotExist
	}
	delete(f.files, name)
	return nil
}

func (f *faulty) size() (n int64) {
	for _, file := range f.files {
		n += int64(len(file.data))
	}
	return n
}

func (f *faultyFile) Write(b []byte) (int, error) {
	if err := f.of.fail("write", nil); err != nil {
		half := len(b) / 2
		f.data = append(f.data, b[:half]...)
		return half, err
	}
	f.data = append(f.data, b...)
	return len(b), nil
}

func (f *faultyFile) ReadAt(b []byte, at int64) (int, error) {
	n, err := bytes.NewReader(f.data).ReadAt(b, at)
	if failed := f.of.fail("read", b[:n]); errors.Is(failed, io.EOF) {
		return n / 2, failed
	} else if failed != nil {
		return 0, failed
	}
	return n, err
}

func (f *faultyFile) Close() error { return f.of.fail("close", nil) }

// model is a store as a slice, and the store that must say the same.
type model struct {
	t       *testing.T
	rng     *rand.Rand
	files   *faulty
	store   *Store
	records []*frozen.Record
	ids     int
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{t: t, rng: rand.New(rand.NewPCG(seed, 3)), files: &faulty{}}
	m.store = New(m.files, Limits{Room: int64(m.rng.IntN(1 << 20)), SegmentBytes: int64(2000 + m.rng.IntN(20000)), Segments: 2 + m.rng.IntN(8),
		OneHash: seed%4 == 0})
	return m
}

func byPlace(a, b *frozen.Record) int {
	return compareRecords(a, b)
}

// put has the store take a batch.
func (m *model) put() error {
	var batch []*frozen.Record
	for range 1 + m.rng.IntN(120) {
		m.ids++
		r := &frozen.Record{Waits: m.rng.IntN(4) > 0, Deadline: int64(m.rng.IntN(200)) + int64(m.ids), Partition: int32(m.rng.IntN(3)),
			Offset: int64(m.ids), ID: fmt.Appendf(nil, "id %d", m.ids)}
		r.Until = r.Deadline
		if m.rng.IntN(10) == 0 {
			r.Until += int64(m.rng.IntN(100))
		}
		if r.Waits {
			r.Value = bytes.Repeat([]byte{byte(m.ids)}, m.rng.IntN(60))
		}
		if m.rng.IntN(60) == 0 {
			r.ID = append(r.ID, bytes.Repeat([]byte{'x'}, 1000)...)
		}
		batch = append(batch, r)
	}
	slices.SortFunc(batch, byPlace)
	for _, r := range batch {
		if err := m.store.Put(r); err != nil {
			return err
		}
	}
	m.records = append(m.records, batch...)
	return m.store.Seal()
}

// step does something, and compares what the store says. The error is the store's.
func (m *model) step() error {
	if m.rng.IntN(70) == 0 {
		return m.put()
	}
	var want *frozen.Record
	var got *frozen.Record
	var at frozen.Slot
	var err error
	switch m.rng.IntN(4) {
	case 0:
		got, at, err = m.store.Find([]byte("no such id"))
	case 1, 2:
		if len(m.records) == 0 {
			return nil
		}
		want = m.records[m.rng.IntN(len(m.records))]
		got, at, err = m.store.Find(want.ID)
	default:
		waits, limit := m.rng.IntN(2) == 0, int64(m.ids+m.rng.IntN(400)-200)
		if m.rng.IntN(2) == 0 {
			limit = math.MaxInt64
		}
		want = m.first(waits, limit)
		got, at, err = m.store.First(waits, limit)
		if err == nil && !waits && got != nil && want != nil && got.Deadline == want.Deadline {
			want = m.named(got.ID) // any id of that deadline
		}
	}
	if err != nil {
		return err
	}
	if !same(got, want) {
		m.t.Fatalf("it has %+v, want %+v", got, want)
	}
	if want == nil {
		return nil
	}
	return m.end(want, at)
}

// end takes a record out, or what waits with it, or leaves it.
func (m *model) end(r *frozen.Record, at frozen.Slot) error {
	switch {
	case m.rng.IntN(6) == 0:
		return nil
	case r.Waits && r.Until == r.Deadline && m.rng.IntN(2) == 0:
		r.Waits, r.Value = false, nil
		return m.store.Settle(at)
	}
	m.records = slices.DeleteFunc(m.records, func(o *frozen.Record) bool { return o == r })
	return m.store.Remove(at)
}

func (m *model) first(waits bool, limit int64) (first *frozen.Record) {
	for _, r := range m.records {
		if r.Waits == waits && r.Deadline <= limit && (first == nil || byPlace(r, first) < 0) {
			first = r
		}
	}
	return first
}

func (m *model) named(id []byte) *frozen.Record {
	for _, r := range m.records {
		if bytes.Equal(r.ID, id) {
			return r
		}
	}
	return nil
}

func same(a, b *frozen.Record) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Waits == b.Waits && a.Deadline == b.Deadline && a.Until == b.Until && a.Partition == b.Partition && a.Offset == b.Offset &&
		bytes.Equal(a.ID, b.ID) && bytes.Equal(a.Value, b.Value)
}

// TestAsASlice: a store says what a slice of records says, whatever is put in, found, settled and taken out, and keeps
// within its bounds of files and of their number.
func TestAsASlice(t *testing.T) {
	for seed := range uint64(30) {
		m := newModel(t, seed)
		for range 3000 {
			if err := m.step(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			s := m.store.Stats()
			if files := m.files.size(); s.Bytes != files && m.store.writer.seg == nil {
				t.Fatalf("it says %d bytes, and has %d", s.Bytes, files)
			}
			most := int64(m.store.limits.Segments+8) + 2*s.Live/m.store.limits.SegmentBytes
			if m.store.full > s.Live*3/2+2*m.store.largest || int64(s.Segments) > most {
				t.Fatalf("%+v of %d records", s, len(m.records))
			}
		}
		m.drain()
	}
}

// TestViews: a view has what was in the store when it was taken, however the store has gone on, and on any goroutine;
// the files go when the store and all views have let them go.
func TestViews(t *testing.T) {
	for seed := range uint64(10) {
		m := newModel(t, seed)
		for range 6 {
			if err := m.put(); err != nil {
				t.Fatal(err)
			}
		}
		var want []frozen.Record
		for _, r := range m.records {
			want = append(want, *r)
		}
		v := m.store.View()
		read := make(chan []frozen.Record)
		go func() {
			var all []frozen.Record
			err := v.Each(func(r *frozen.Record) error {
				own := *r
				own.ID, own.Value = bytes.Clone(r.ID), bytes.Clone(r.Value)
				all = append(all, own)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			read <- all
		}()
		got := <-read // files in memory are not for concurrent use
		for range 400 {
			if err := m.step(); err != nil {
				t.Fatal(err)
			}
		}
		again := 0
		stop := errors.New("enough")
		if err := v.Each(func(*frozen.Record) error { again++; return nil }); err != nil || again != len(want) {
			t.Errorf("later there are %d, of %d, %v", again, len(want), err)
		}
		if err := v.Each(func(*frozen.Record) error { return stop }); !errors.Is(err, stop) {
			t.Error(err)
		}
		byID := func(a, b frozen.Record) int { return bytes.Compare(a.ID, b.ID) }
		slices.SortFunc(got, byID)
		slices.SortFunc(want, byID)
		if !slices.EqualFunc(got, want, func(a, b frozen.Record) bool { return same(&a, &b) }) {
			t.Errorf("seed %d: %d records, want %d", seed, len(got), len(want))
		}
		if err := m.store.Close(); err != nil || len(m.files.files) == 0 {
			t.Errorf("%d files are left, which a view holds, %v", len(m.files.files), err)
		}
		if err := v.Close(); err != nil || len(m.files.files) != 0 {
			t.Errorf("%d files are left, %v", len(m.files.files), err)
		}
	}
}

// drain takes all out in order.
func (m *model) drain() {
	slices.SortFunc(m.records, func(a, b *frozen.Record) int { return cmp.Compare(a.Deadline, b.Deadline) })
	for _, waits := range []bool{true, false} {
		for want := m.first(waits, math.MaxInt64); want != nil; want = m.first(waits, math.MaxInt64) {
			got, at, err := m.store.First(waits, math.MaxInt64)
			if err != nil || got == nil || got.Deadline != want.Deadline || waits && !same(got, want) {
				m.t.Fatalf("it has %+v, %v, want %+v", got, err, want)
			}
			want = m.named(got.ID)
			m.records = slices.DeleteFunc(m.records, func(o *frozen.Record) bool { return o == want })
			if err := m.store.Remove(at); err != nil {
				m.t.Fatal(err)
			}
		}
	}
	if s := m.store.Stats(); s != (Stats{}) || len(m.files.files) > 0 {
		m.t.Errorf("an empty store has %+v, %d files", s, len(m.files.files))
	}
}

var errFault = errors.New("a fault")

// TestFaults: whatever fails, the store says so at once, and says nothing wrong before. Closing it leaves no file
// behind when files can be deleted.
func TestFaults(t *testing.T) {
	for _, op := range []string{"create", "write", "read", "remove", "close", "short", "flip"} {
		met := 0
		for seed := range uint64(40) {
			m := newModel(t, seed)
			countdown := m.rng.IntN(400)
			if op == "create" || op == "write" || op == "remove" || op == "close" {
				countdown = m.rng.IntN(20)
			}
			bit := m.rng.IntN(1 << 20)
			m.files.fails = func(what string, b []byte) error {
				if what != op && (what != "read" || op != "flip" && op != "short") {
					return nil
				}
				if countdown--; countdown >= 0 || op == "flip" && countdown < -1 {
					return nil
				}
				switch op {
				case "flip":
					b[bit/8%len(b)] ^= 1 << (bit % 8)
					return nil
				case "short":
					return io.EOF
				}
				return errFault
			}
			var err error
			for step := 0; step < 3000 && err == nil; step++ {
				err = m.step()
				if err == nil && countdown < 0 {
					t.Fatalf("%s, seed %d: it has failed, and nobody said so", op, seed)
				}
			}
			want := map[string]error{"short": io.ErrUnexpectedEOF, "flip": millrace.ErrCorrupt}[op]
			if want == nil {
				want = errFault
			}
			if err != nil {
				met++
				if !errors.Is(err, want) {
					t.Errorf("%s, seed %d: %v", op, seed, err)
				}
			}
			m.files.fails = nil
			if err := m.store.Close(); err != nil || len(m.files.files) > 0 && op != "remove" && op != "close" {
				t.Errorf("%s, seed %d: closing: %v; %d files are left", op, seed, err, len(m.files.files))
			}
		}
		if met < 20 {
			t.Errorf("%s: met %d times only", op, met)
		}
	}
}

// TestOpenedEmpty: what a process that was killed left is deleted, and so is everything in the end.
func TestOpenedEmpty(t *testing.T) {
	state := t.TempDir()
	left := filepath.Join(state, folderName, "17")
	if err := os.MkdirAll(filepath.Dir(left), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := Open(state, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("what was left: %v", err)
		}
		id := []byte("k")
		if r, _, err := s.Find(id); r != nil || err != nil {
			t.Fatalf("it has %+v, or %v", r, err)
		}
		if err := errors.Join(s.Put(&frozen.Record{ID: id, Until: 1, Deadline: 1}), s.Seal()); err != nil {
			t.Fatal(err)
		}
		if r, _, err := s.Find(id); r == nil || err != nil {
			t.Fatalf("it has %+v, or %v", r, err)
		}
		if info, err := os.Stat(filepath.Join(state, folderName, "1")); err != nil || info.Mode() != 0o600 {
			t.Fatalf("its file is %+v, %v", info, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(state, folderName)); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("its folder: %v", err)
		}
	}
}

// TestNoPlace: a folder that cannot be made is an error with its name.
func TestNoPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, 1); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("%v", err)
	}
}
