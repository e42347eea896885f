package decode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"millrace"
	"millrace/features"
)

// schema is what all clones of a decoder share: the paths as a trie of object nodes and edges. It is
// never written after construction.
type schema struct {
	nodes   []node
	edges   []edge
	targets []target
	fields  int
	read    int     // of the fields, those that events hold; others are made later
	made    []int32 // those that are made and stand in the event: windows and ratios
	since   []int32 // of those that events hold, the times that a feature counts from
	formats []TimeFormat
	edgeOf  []int32 // of each field, -1 for one that no event holds
	limits  Limits

	id, time, labelled bool // whether the pipeline names such a path
	number             bool // the label is a number, not a class
	classes            []string
	class              map[string]int32 // by literal text
	alike              map[string]int32 // as alikeClass looks for them
	ignoreCase         bool
	numeric            map[float64]int32   // by value, of classes that are JSON numbers
	missingLabel       *millrace.Rejection // nil: no label is no fault
	weightMax          float64
	bounds             bounds // of a numeric label

	isLabel bool   // records are labels, see LabelSpec.LabelRecordSpec
	keyID   bool   // the id is the record's key
	idPath  string // of the id, for messages
}

// node is an object that paths go through; the first one is the event itself.
type node struct {
	edges []int32
	byKey map[string]int32 // only for nodes with many edges
	below below            // what lies below: whose fault a wrong value here is
	path  string
}

// below tells what paths go through an object, as bits. One feature is enough to make a wrong value there the event's
// fault; a label and its weight alone never prevent scoring.
type below uint8

const (
	belowLabel below = 1 << iota
	belowWeight
	belowOther
)

// edge is a key within a node: either a further node lies below, or targets take the value.
type edge struct {
	quoted string // the key as most writers put it, with quotes and colon: what guesses compare
	// The first and the last eight bytes of a short one, or all of it where it is shorter, to be masked. No mask is of
	// one that is longer than both.
	first, last, mask uint64
	tail              int   // where the last ones begin
	node              int32 // -1 when this is a leaf
	number            int32 // the field of a number that is all that the value is read for, else -1
	key               string
	path              string
	// targets of a leaf; a path may feed several columns.
	targets []int32
}

type use uint8

const (
	useNumber use = iota
	useBoolean
	useCategory
	useText
	useBag
	useMoment // a time that is a feature; the last of the features' uses
	useID
	useTime
	useClass
	useValue
	useWeight
)

// target is one use of a value.
type target struct {
	use     use
	field   int32 // of a column
	entries int32 // of a bag at most
	format  NumberFormat
	unit    []string // spellings of what stands beside a number; nil for none
	gaps    *gaps    // texts that are no value; nil for none
	times   int32    // format of a time, in schema.formats
	path    string
}

// linearMax is how many keys or classes are compared one by one before a map is quicker.
const linearMax = 6

func compile(spec Spec) (*schema, error) {
	s := &schema{limits: spec.Limits, fields: len(spec.Columns), edgeOf: make([]int32, len(spec.Columns))}
	s.nodes = append(s.nodes, node{})
	if found := spec.Limits.Validate(); len(found) > 0 {
		return nil, violations("limits.", found)
	}
	// No label at all is fine: scoring alone needs none.
	if spec.Label.Path != "" || spec.Label.Type != "" || len(spec.Label.Classes) > 0 {
		if found := spec.Label.Validate(); len(found) > 0 {
			return nil, violations("label.", found)
		}
		s.compileLabel(spec.Label)
		if _, err := s.add(spec.Label.Path, target{use: spec.Label.use(), format: NumberFormat(spec.Label.Format), unit: spec.Label.Unit, gaps: spec.Label.gaps()}); err != nil {
			return nil, fmt.Errorf("label.path: %w", err)
		}
		if err := s.compileWeight(spec.Label); err != nil {
			return nil, err
		}
	}
	if err := s.compileColumns(spec.Columns); err != nil {
		return nil, err
	}
	s.isLabel = spec.LabelRecord
	if s.keyID = s.isLabel && spec.ID == KeyID; !s.keyID && spec.ID != "" {
		s.id, s.idPath = true, spec.ID
		if _, err := s.add(spec.ID, target{use: useID}); err != nil {
			return nil, fmt.Errorf("id: %w", err)
		}
	}
	if err := s.compileTime(spec.Time); err != nil {
		return nil, err
	}
	if len(s.edges) == 0 {
		return nil, errors.New("the pipeline names no path to read")
	}
	s.finish()
	return s, nil
}

// compileColumns enters the paths of all columns that events hold.
func (s *schema) compileColumns(columns features.Columns) error {
	uses := map[features.Type]use{features.Number: useNumber, features.Boolean: useBoolean, features.Category: useCategory,
		features.Text: useText, features.Bag: useBag, features.Time: useMoment, features.Since: useMoment}
	for i, c := range columns {
		if s.edgeOf[i] = -1; c.Derived() {
			if c.Type == features.Window || c.Type == features.Ratio {
				s.made = append(s.made, int32(i))
			}
			continue
		}
		u, ok := uses[c.Type]
		if !ok {
			return fmt.Errorf("feature %s: %q is no type of feature", c.Name, c.Type)
		}
		t := target{use: u, field: int32(i), entries: int32(c.Entries), format: NumberFormat(c.Format), unit: c.Unit}
		if u == useMoment {
			var err error
			t.format = NumberPlain
			if t.times, err = s.compileFormat(columns.TimeSource(i)); err != nil {
				return fmt.Errorf("feature %s: %w", c.Name, err)
			}
		}
		t.gaps = gapsOf(&c, t.format)
		if c.Type == features.Since {
			s.since = append(s.since, int32(i))
		}
		e, err := s.add(columns.TimeSource(i).EventPath(), t)
		if err != nil {
			return fmt.Errorf("feature %s: %w", c.Name, err)
		}
		s.edgeOf[i] = e
		s.read++
	}
	return nil
}

// compileTime enters the path of the event's time.
func (s *schema) compileTime(spec TimeSpec) error {
	if !spec.Given() {
		return nil
	}
	s.time = true
	format, err := spec.timeFormat()
	if err != nil {
		return fmt.Errorf("time: %w", err)
	}
	s.formats = append(s.formats, format)
	if _, err := s.add(spec.Path, target{use: useTime, times: int32(len(s.formats) - 1)}); err != nil {
		return fmt.Errorf("time: %w", err)
	}
	return nil
}

// compileFormat enters how the times of a column read.
func (s *schema) compileFormat(c features.Column) (int32, error) {
	format, err := NewTimeFormat(c.Format, c.Zone, c.Location)
	s.formats = append(s.formats, format)
	return int32(len(s.formats) - 1), err
}

func (s *schema) compileLabel(l LabelSpec) {
	s.labelled = true
	if l.Unlabelled == UnlabelledReject {
		s.missingLabel = &millrace.Rejection{Reason: millrace.ReasonMissingLabel, Path: l.Path, Detail: "the event has no label"}
	}
	if s.number = l.use() == useValue; s.number {
		s.bounds = l.bounds()
		return
	}
	s.compileAlike(l)
	s.classes = slices.Clone(l.Classes)
	s.class = make(map[string]int32, len(l.Classes))
	s.numeric = make(map[float64]int32)
	twice := make(map[float64]bool)
	// Classes that are JSON numbers also match by value.
	for i, c := range l.Classes {
		s.class[c] = int32(i)
		if v, end, fault := parseNumber([]byte(c), 0); c != "" && fault == numberOK && end == len(c) {
			_, known := s.numeric[v]
			twice[v] = known
			s.numeric[v] = int32(i)
		}
	}
	for v, ambiguous := range twice {
		if ambiguous { // "1" and "1.0": only the literal text can tell them apart
			delete(s.numeric, v)
		}
	}
}

func (s *schema) compileWeight(l LabelSpec) error {
	if l.Weight == "" {
		return nil
	}
	s.weightMax = l.WeightMax
	if s.weightMax == 0 {
		s.weightMax = weightMaxDefault
	}
	if _, err := s.add(l.Weight, target{use: useWeight}); err != nil {
		return fmt.Errorf("label.weight: %w", err)
	}
	return nil
}

func (t target) label() bool { return t.use == useClass || t.use == useValue }

func (t target) below() below {
	switch {
	case t.label():
		return belowLabel
	case t.use == useWeight:
		return belowWeight
	}
	return belowOther
}

// finish makes the maps of nodes with many keys.
func (s *schema) finish() {
	for i := range s.edges {
		e := &s.edges[i]
		e.number = -1
		if e.node < 0 && len(e.targets) == 1 && s.targets[e.targets[0]].use == useNumber && len(s.targets[e.targets[0]].gaps.numbers) == 0 {
			e.number = s.targets[e.targets[0]].field
		}
		e.words()
	}
	for i := range s.nodes {
		n := &s.nodes[i]
		if len(n.edges) <= linearMax {
			continue
		}
		n.byKey = make(map[string]int32, len(n.edges))
		for _, e := range n.edges {
			n.byKey[s.edges[e].key] = e
		}
	}
}

// shortMax is the length of keys that are compared as words, with their quotes and colon.
const shortMax = 16

// words makes words of a short key.
func (e *edge) words() {
	n := len(e.quoted)
	if n > shortMax {
		return
	}
	e.mask = math.MaxUint64
	if n < 8 {
		e.mask = 1<<(8*n) - 1
	}
	padded := append([]byte(e.quoted), make([]byte, 8)...)
	e.first = binary.LittleEndian.Uint64(padded) & e.mask
	e.tail = max(0, n-8)
	e.last = binary.LittleEndian.Uint64(padded[e.tail:]) & e.mask
}

// stands reports whether the key stands at data[p], with its quotes and colon, and something behind it.
func (e *edge) stands(data []byte, p int) bool {
	n := len(e.quoted)
	if e.mask != 0 && len(data)-p > shortMax {
		// Words are compared without a call.
		at := p + e.tail
		return binary.LittleEndian.Uint64(data[p:p+8])&e.mask == e.first && binary.LittleEndian.Uint64(data[at:at+8])&e.mask == e.last
	}
	return len(data)-p > n && string(data[p:p+n]) == e.quoted
}

// lookup finds the edge of a key, already unescaped; -1 when no path goes there.
func (s *schema) lookup(n *node, key []byte) int32 {
	if n.byKey != nil {
		if e, ok := n.byKey[string(key)]; ok {
			return e
		}
		return -1
	}
	for _, e := range n.edges {
		if s.edges[e].key == string(key) {
			return e
		}
	}
	return -1
}

// lookupClass finds a class by its text.
func (s *schema) lookupClass(text []byte) (int32, bool) {
	if len(s.classes) > linearMax {
		c, ok := s.class[string(text)]
		return c, ok
	}
	for i, c := range s.classes {
		if c == string(text) {
			return int32(i), true
		}
	}
	return 0, false
}

// alikeClass finds the only class that a text is but for blanks around it, and for case where that is ignored.
func (s *schema) alikeClass(text []byte) (int32, bool) {
	text = bytes.TrimSpace(text)
	if s.ignoreCase {
		text = bytes.ToLower(text)
	}
	c, ok := s.alike[string(text)]
	return c, ok && c != severalAlike
}

// severalAlike stands in a schema's alike for classes that differ in blanks or case alone.
const severalAlike = -1

// compileAlike enters the classes as alikeClass looks for them.
func (s *schema) compileAlike(l LabelSpec) {
	s.ignoreCase, s.alike = l.IgnoreCase, make(map[string]int32, len(l.Classes))
	for i, class := range l.Classes {
		key := l.alike(class)
		if _, ok := s.alike[key]; ok {
			s.alike[key] = severalAlike
			continue
		}
		s.alike[key] = int32(i)
	}
}

func violations(prefix string, found []millrace.Violation) error {
	lines := make([]string, len(found))
	for i, v := range found {
		lines[i] = prefix + v.Path + ": " + v.Message
	}
	return fmt.Errorf("%s", strings.Join(lines, "; "))
}

// quoteMost bytes of a text are shown.
const quoteMost = 40

// quote writes text for people, shortened: details end up in headers and logs.
func quote(text []byte) string {
	if len(text) > quoteMost {
		return strconv.Quote(string(text[:quoteMost])) + "…"
	}
	return strconv.Quote(string(text))
}
