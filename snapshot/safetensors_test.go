package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"millrace"
)

func blobOf(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestParseAccepts(t *testing.T) {
	tests := map[string][]byte{
		"no tensors":      blobOf(`{}`, 0),
		"padding":         blobOf(`{}      `, 0),
		"scalar":          blobOf(`{"a":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}`, 8),
		"any order":       blobOf(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]},"a":{"shape":[1],"data_offsets":[0,4],"dtype":"F32"}}`, 5),
		"empty tensors":   blobOf(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, 0),
		"metadata":        blobOf(`{"__metadata__":{"a":"b"}}`, 0),
		"empty at an end": blobOf(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[0],"data_offsets":[1,1]}}`, 1),
	}
	for name, blob := range tests {
		if _, err := Parse(blob); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tensor := func(dtype, shape, offsets string) string {
		return `{"a":{"dtype":"` + dtype + `","shape":` + shape + `,"data_offsets":` + offsets + `}}`
	}
	tests := map[string]struct {
		blob []byte
		want string
	}{
		"nothing":             {nil, "too few"},
		"seven bytes":         {make([]byte, 7), "too few"},
		"header beyond blob":  {binary.LittleEndian.AppendUint64(nil, 1), "header of 1 bytes"},
		"huge header":         {binary.LittleEndian.AppendUint64(nil, 1<<63), "header of"},
		"header limit":        {blobOf("{}"+strings.Repeat(" ", HeaderBytesMax), 0), "header of"},
		"no brace":            {blobOf(` {}`, 0), "brace"},
		"no object":           {blobOf(`[]`, 0), "brace"},
		"broken JSON":         {blobOf(`{"a"}`, 0), "invalid JSON"},
		"two values":          {blobOf(`{}{}`, 0), "invalid JSON"},
		"not UTF-8":           {blobOf("{\"\xff\":1}", 0), "UTF-8"},
		"duplicate":           {blobOf(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0), "duplicate key"},
		"duplicate inside":    {blobOf(`{"a":{"dtype":"U8","dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, 0), "duplicate key"},
		"escaped duplicate":   {blobOf(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\u0061":1}`, 0), "duplicate key"},
		"deep":                {blobOf(`{"a":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`, 0), "deeper"},
		"unknown dtype":       {blobOf(tensor("BF16", "[1]", "[0,2]"), 2), "unknown dtype"},
		"lower-case dtype":    {blobOf(tensor("f32", "[1]", "[0,4]"), 4), "unknown dtype"},
		"bool":                {blobOf(tensor("BOOL", "[1]", "[0,1]"), 1), "unknown dtype"},
		"unknown field":       {blobOf(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}}`, 0), "exactly"},
		"missing field":       {blobOf(`{"a":{"dtype":"U8","shape":[0]}}`, 0), "exactly"},
		"entry is no object":  {blobOf(`{"a":1}`, 0), "exactly"},
		"fraction":            {blobOf(tensor("U8", "[1.0]", "[0,1]"), 1), "no size"},
		"exponent":            {blobOf(tensor("U8", "[1e0]", "[0,1]"), 1), "no size"},
		"negative":            {blobOf(tensor("U8", "[-1]", "[0,1]"), 1), "no size"},
		"beyond int64":        {blobOf(tensor("U8", "[9223372036854775808]", "[0,1]"), 1), "no size"},
		"text in shape":       {blobOf(tensor("U8", `["1"]`, "[0,1]"), 1), "else than numbers"},
		"shape is no list":    {blobOf(tensor("U8", "1", "[0,1]"), 1), "no list"},
		"overflowing shape":   {blobOf(tensor("U8", "[4294967296,4294967296]", "[0,0]"), 0), "larger than a blob"},
		"one offset":          {blobOf(tensor("U8", "[1]", "[1]"), 1), "instead of 2"},
		"size and shape":      {blobOf(tensor("F32", "[2]", "[0,4]"), 4), "differ in size"},
		"backwards":           {blobOf(tensor("U8", "[0]", "[1,0]"), 1), "differ in size"},
		"gap before":          {blobOf(tensor("U8", "[1]", "[1,2]"), 2), "gap"},
		"beyond the data":     {blobOf(tensor("U8", "[2]", "[0,2]"), 1), "ends at 2 of 1"},
		"trailing bytes":      {blobOf(tensor("U8", "[1]", "[0,1]"), 2), "trailing"},
		"trailing, no tensor": {blobOf(`{}`, 1), "trailing"},
		"overlap":             {blobOf(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3), "overlap"},
		"same place":          {blobOf(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 2), "overlap"},
		"metadata list":       {blobOf(`{"__metadata__":[]}`, 0), "no object"},
		"metadata number":     {blobOf(`{"__metadata__":{"a":1}}`, 0), "no string"},
		"empty name":          {blobOf(`{"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0), "a name has"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(test.blob)
			wantError(t, err, millrace.ErrCorrupt)
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %q, want %q in it", err, test.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	b := copyOf(mustLayout(f, Part{"model", newSample(2).filled()}))
	f.Add(b.Serving())
	f.Add(b.Training())
	f.Add(blobOf(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3))
	f.Add(blobOf(`{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0))
	f.Fuzz(func(t *testing.T, blob []byte) {
		file, err := Parse(blob)
		if err != nil {
			if !errors.Is(err, millrace.ErrCorrupt) {
				t.Fatalf("error %v does not wrap ErrCorrupt", err)
			}
			return
		}
		// What is accepted covers the data exactly, in order.
		data := blob[8+binary.LittleEndian.Uint64(blob):]
		var joined []byte
		seen := map[string]bool{}
		for _, tensor := range file.Tensors {
			joined = append(joined, tensor.Data...)
			if seen[tensor.Name] {
				t.Fatalf("tensor %q is there twice", tensor.Name)
			}
			seen[tensor.Name] = true
			if n, err := elements(tensor.Shape); err != nil || n*tensor.DType.Size() != len(tensor.Data) {
				t.Fatalf("tensor %q: shape %v, %d bytes, %v", tensor.Name, tensor.Shape, len(tensor.Data), err)
			}
		}
		if !bytes.Equal(joined, data) {
			t.Fatal("the tensors do not cover the data")
		}
		_ = file.checkFinite()
	})
}
