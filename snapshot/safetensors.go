package snapshot

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"millrace"
)

// metadataKey is the one header entry that is no tensor.
const metadataKey = "__metadata__"

// FileTensor is one tensor of a parsed blob. Data aliases the blob: little-endian elements in
// row-major order.
type FileTensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte

	begin, end int
}

// File is a parsed safetensors blob, its tensors in the order of their data.
type File struct {
	Metadata map[string]string
	Tensors  []FileTensor
}

// Tensor finds a tensor by name.
func (f *File) Tensor(name string) (FileTensor, bool) {
	for _, t := range f.Tensors {
		if t.Name == name {
			return t, true
		}
	}
	return FileTensor{}, false
}

// Parse reads a safetensors blob without copying its data. It accepts less than the format allows:
// a header of at most [HeaderBytesMax] that starts with a brace and names nothing twice, the types
// of [DType] only, tensors that cover the data exactly, without gap or overlap, and no trailing
// bytes. Every error wraps millrace.ErrCorrupt.
func Parse(blob []byte) (*File, error) { return parse(blob, BlobBytesMax) }

func parse(blob []byte, bytesMax int) (*File, error) {
	if len(blob) > bytesMax {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", millrace.ErrCorrupt, len(blob), bytesMax)
	}
	if len(blob) < 8 {
		return nil, fmt.Errorf("%w: %d bytes are too few for a header", millrace.ErrCorrupt, len(blob))
	}
	length := binary.LittleEndian.Uint64(blob)
	if length > HeaderBytesMax || length > uint64(len(blob)-8) {
		return nil, fmt.Errorf("%w: header of %d bytes in a blob of %d", millrace.ErrCorrupt, length, len(blob))
	}
	header, data := blob[8:8+length], blob[8+length:]
	f, err := parseHeader(header)
	if err != nil {
		return nil, fmt.Errorf("%w: safetensors header: %w", millrace.ErrCorrupt, err)
	}
	if err := f.cover(data); err != nil {
		return nil, fmt.Errorf("%w: safetensors data: %w", millrace.ErrCorrupt, err)
	}
	return f, nil
}

func parseHeader(header []byte) (*File, error) {
	if len(header) == 0 || header[0] != '{' {
		return nil, fmt.Errorf("does not start with a brace")
	}
	tree, err := parseStrict(header)
	if err != nil {
		return nil, err
	}
	object := tree.(map[string]any) // it starts with a brace and is valid
	f := &File{Tensors: make([]FileTensor, 0, len(object))}
	for name, value := range object {
		if name == metadataKey {
			if f.Metadata, err = parseMetadata(value); err != nil {
				return nil, err
			}
			continue
		}
		t, err := parseEntry(name, value)
		if err != nil {
			return nil, fmt.Errorf("tensor %.300q: %w", name, err)
		}
		f.Tensors = append(f.Tensors, t)
	}
	return f, nil
}

func parseMetadata(value any) (map[string]string, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("metadata is no object")
	}
	metadata := make(map[string]string, len(object))
	for key, value := range object {
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("metadata %.300q is no string", key)
		}
		metadata[key] = text
	}
	return metadata, nil
}

func parseEntry(name string, value any) (FileTensor, error) {
	t := FileTensor{Name: name}
	if err := checkName(name); err != nil {
		return t, err
	}
	entry, ok := value.(map[string]any)
	if !ok || len(entry) != 3 {
		return t, fmt.Errorf("an entry has exactly dtype, shape and data_offsets")
	}
	dtype, _ := entry["dtype"].(string)
	t.DType = DType(dtype)
	if t.DType.Size() == 0 {
		return t, fmt.Errorf("unknown dtype %.40q", dtype)
	}
	shape, err := parseInts(entry["shape"])
	if err != nil {
		return t, fmt.Errorf("shape: %w", err)
	}
	t.Shape = shape
	n, err := elements(shape)
	if err != nil {
		return t, err
	}
	offsets, err := parseInts(entry["data_offsets"])
	if err != nil {
		return t, fmt.Errorf("data_offsets: %w", err)
	}
	if len(offsets) != 2 {
		return t, fmt.Errorf("%d data_offsets instead of 2", len(offsets))
	}
	t.begin, t.end = offsets[0], offsets[1]
	// Differences cannot overflow: both offsets are non-negative ints.
	if t.end-t.begin != n*t.DType.Size() {
		return t, fmt.Errorf("shape %v of %s and data_offsets %v differ in size", shape, dtype, offsets)
	}
	return t, nil
}

// parseInts reads a list of whole, non-negative numbers, written without fraction or exponent.
func parseInts(value any) ([]int, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("is no list")
	}
	ints := make([]int, len(list))
	for i, item := range list {
		number, ok := item.(json.Number)
		if !ok {
			return nil, fmt.Errorf("holds something else than numbers")
		}
		n, err := strconv.ParseUint(string(number), 10, 63)
		if err != nil || n > math.MaxInt {
			return nil, fmt.Errorf("%.40s is no size", number)
		}
		ints[i] = int(n)
	}
	return ints, nil
}

// cover checks that the tensors tile the data and hands each its piece.
func (f *File) cover(data []byte) error {
	slices.SortFunc(f.Tensors, func(a, b FileTensor) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.Name, b.Name))
	})
	next := 0
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if t.begin != next {
			return fmt.Errorf("tensor %q starts at %d where %d bytes are covered: a gap or an overlap", t.Name, t.begin, next)
		}
		if t.end < t.begin || t.end > len(data) {
			return fmt.Errorf("tensor %q ends at %d of %d bytes", t.Name, t.end, len(data))
		}
		t.Data = data[t.begin:t.end:t.end]
		next = t.end
	}
	if next != len(data) {
		return fmt.Errorf("%d trailing bytes", len(data)-next)
	}
	return nil
}

// checkFinite refuses a blob with a NaN or an infinity among its floats: no prediction could be
// trusted after it.
func (f *File) checkFinite() error {
	const exponent32, exponent64 = 0x7f800000, 0x7ff0000000000000
	for _, t := range f.Tensors {
		switch t.DType {
		case F32:
			for i := 0; i < len(t.Data); i += 4 {
				if binary.LittleEndian.Uint32(t.Data[i:])&exponent32 == exponent32 {
					return fmt.Errorf("%w: tensor %q is not finite at element %d", millrace.ErrCorrupt, t.Name, i/4)
				}
			}
		case F64:
			for i := 0; i < len(t.Data); i += 8 {
				if binary.LittleEndian.Uint64(t.Data[i:])&exponent64 == exponent64 {
					return fmt.Errorf("%w: tensor %q is not finite at element %d", millrace.ErrCorrupt, t.Name, i/8)
				}
			}
		}
	}
	return nil
}
