package mixture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// hostile are mixtures some events before a review, whose state tests spoil.
type hostile struct {
	target model.TargetSpec
	views  allViews
	spec   model.Spec
	state  model.Model
	names  []string
	events []modeltest.Example
}

const hostileLearned = 2_985

func hostiles(tb testing.TB) []hostile {
	tb.Helper()
	all := []hostile{
		{target: model.TargetSpec{Classes: 2}, spec: model.Spec{Budget: "0.5x"}},
		{target: model.TargetSpec{Classes: 9}, spec: model.Spec{Budget: "0.3x"}},
		{spec: model.Spec{Budget: "0.5x"}},
		{target: model.TargetSpec{Classes: 3}, views: allViews{sparse: true}, spec: model.Spec{Budget: "0.3x", Pin: "2"}},
	}
	for i := range all {
		h := &all[i]
		h.spec.Type = "auto"
		h.state, h.events = h.build(tb), mixExamples(hostileLearned+40, h.views, h.target)
		scratch, dst := h.state.NewScratch(), make([]float32, h.state.Outputs())
		for _, e := range h.events[:hostileLearned] {
			h.state.Predict(dst, e.Input, scratch)
			if err := h.state.Learn(e.Input, e.Target, 1, scratch); err != nil {
				tb.Fatal(err)
			}
		}
		h.events = h.events[hostileLearned:]
		h.state.State(func(name string, _ millrace.Tensor, _ millrace.Role) { h.names = append(h.names, name) })
	}
	return all
}

func (h *hostile) build(tb testing.TB) model.Model {
	tb.Helper()
	m, err := family.New(h.spec, h.target, h.views)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// spoiled is the mixture with bytes of one tensor overwritten; an error when it was refused.
func (h *hostile) spoiled(tb testing.TB, name string, at int, patch []byte) (model.Model, error) {
	tb.Helper()
	m := h.build(tb)
	if err := modeltest.Copy(m, h.state); err != nil {
		tb.Fatal(err)
	}
	m.State(func(n string, x millrace.Tensor, _ millrace.Role) {
		if n != name {
			return
		}
		for _, values := range []any{x.F32, x.F64, x.I32, x.I64, x.U32, x.U64, x.U8} {
			if binary.Size(values) == 0 {
				continue
			}
			data, err := binary.Append(nil, binary.LittleEndian, values)
			if err != nil {
				tb.Fatal(err)
			}
			copy(data[at%len(data):], patch)
			if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, values); err != nil {
				tb.Fatal(err)
			}
		}
	})
	return m, m.Restored()
}

// exercise has a mixture, whose state was accepted, predict and learn beyond a review.
func (h *hostile) exercise(tb testing.TB, m model.Model) error {
	tb.Helper()
	used, fresh, dst, again := m.NewScratch(), m.NewScratch(), make([]float32, m.Outputs()), make([]float32, m.Outputs())
	for i, e := range h.events {
		m.Predict(dst, e.Input, used)
		m.Predict(again, e.Input, fresh)
		for c, p := range dst {
			if v := float64(p); math.IsNaN(v) || math.IsInf(v, 0) || h.target.Classes > 0 && (v < 0 || v > 1.001) {
				return fmt.Errorf("event %d is predicted %v", i, dst)
			}
			if p != again[c] {
				return fmt.Errorf("event %d is predicted %v, in another scratch %v", i, dst, again)
			}
		}
		if err := m.Learn(e.Input, e.Target, 1, used); err != nil && !errors.Is(err, millrace.ErrUpdateRefused) {
			return fmt.Errorf("learning event %d: %w", i, err)
		}
	}
	if err := m.Restored(); err != nil {
		return fmt.Errorf("what an accepted state became is refused: %w", err)
	}
	return nil
}

// FuzzMixtureRestored: whatever a snapshot holds, Restored either refuses it, or what it accepts predicts finite
// numbers and goes on learning.
func FuzzMixtureRestored(f *testing.F) {
	all := hostiles(f)
	for i := range all {
		f.Add(uint8(i), uint16(0), uint32(0), []byte{1})
		f.Add(uint8(i), uint16(2), uint32(0), []byte{0, 1, 0})
		f.Add(uint8(i), uint16(11), uint32(0), []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x7f})
	}
	f.Fuzz(func(t *testing.T, kind uint8, tensor uint16, at uint32, patch []byte) {
		h := &all[int(kind)%len(all)]
		m, err := h.spoiled(t, h.names[int(tensor)%len(h.names)], int(at), patch)
		if err != nil {
			return
		}
		if err := h.exercise(t, m); err != nil {
			t.Fatal(err)
		}
	})
}

// TestMixtureRestoredRefuses puts what no run leaves into every tensor of the mixtures' own.
func TestMixtureRestoredRefuses(t *testing.T) {
	double := func(values ...float64) (data []byte) {
		for _, v := range values {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
		}
		return data
	}
	patches := [][]byte{make([]byte, 8), make([]byte, 4096), bytes.Repeat([]byte{0xff}, 8), {1}, {0, 0, 0, 0, 0, 0, 0, 1},
		double(math.Inf(1)), double(-1), double(1), double(0.5), double(1e-300), double(1e300), double(1, 0, 0, 0, 0, 0), double(0, 1, 0, 0, 0, 0),
		double(1e-300, 1, 1e300), double(2e307, 1, 1e307), double(100), double(-100)}
	for i, h := range hostiles(t) {
		accepted, refused := 0, 0
		for _, name := range h.names {
			if strings.HasPrefix(name, "experts.") && !strings.HasSuffix(name, "steps") {
				continue
			}
			for _, patch := range patches {
				for _, at := range []int{0, 8, 16} {
					m, err := h.spoiled(t, name, at, patch)
					if err != nil {
						refused++
						continue
					}
					accepted++
					if err := h.exercise(t, m); err != nil {
						t.Errorf("kind %d, %s with % x at %d: %v", i, name, patch[:min(len(patch), 24)], at, err)
					}
				}
			}
		}
		if accepted == 0 || refused == 0 {
			t.Errorf("kind %d: %d states accepted, %d refused", i, accepted, refused)
		}
	}
}
