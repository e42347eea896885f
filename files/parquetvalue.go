package files

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// writer appends a value as JSON; ok is false for what JSON has not, such as NaN.
type writer = func(dst []byte, v parquet.Value) (out []byte, ok bool)

func isMap(t parquet.Type) bool {
	if l := t.LogicalType(); l != nil {
		_, ok := l.Value.(*format.MapType)
		return ok
	}
	return converted(t, deprecated.Map) || converted(t, deprecated.MapKeyValue)
}

func isList(t parquet.Type) bool {
	if l := t.LogicalType(); l != nil {
		_, ok := l.Value.(*format.ListType)
		return ok
	}
	return converted(t, deprecated.List)
}

func converted(t parquet.Type, kind deprecated.ConvertedType) bool {
	c := t.ConvertedType()
	return c != nil && *c == kind
}

// writerOf is how values of a type are written: by what they mean, else by how they are stored.
func writerOf(t parquet.Type) (writer, error) {
	if l := t.LogicalType(); l != nil {
		switch meaning := l.Value.(type) {
		case *format.DateType:
			return writeDate, nil
		case *format.TimestampType:
			return timestamps(meaning.Unit.Value)
		case *format.TimeType:
			return dayTimes(meaning.Unit.Value)
		case *format.DecimalType:
			return decimals(t, int(meaning.Scale)), nil
		case *format.IntType:
			if !meaning.IsSigned {
				return unsigned(t), nil
			}
		case *format.UUIDType:
			return writeUUID, nil
		case *format.Float16Type:
			return writeFloat16, nil
		case *format.JsonType:
			return writeJSON, nil
		}
	}
	switch t.Kind() {
	case parquet.Boolean:
		return func(dst []byte, v parquet.Value) ([]byte, bool) { return strconv.AppendBool(dst, v.Boolean()), true }, nil
	case parquet.Int32:
		return func(dst []byte, v parquet.Value) ([]byte, bool) {
			return strconv.AppendInt(dst, int64(v.Int32()), 10), true
		}, nil
	case parquet.Int64:
		return func(dst []byte, v parquet.Value) ([]byte, bool) { return strconv.AppendInt(dst, v.Int64(), 10), true }, nil
	case parquet.Int96:
		return writeInt96, nil
	case parquet.Float:
		return func(dst []byte, v parquet.Value) ([]byte, bool) { return appendFloat(dst, float64(v.Float()), 32) }, nil
	case parquet.Double:
		return func(dst []byte, v parquet.Value) ([]byte, bool) { return appendFloat(dst, v.Double(), 64) }, nil
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return writeBytes, nil
	}
	return nil, fmt.Errorf("values of type %s are not read", t)
}

func appendFloat(dst []byte, x float64, bits int) ([]byte, bool) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return dst, false
	}
	return strconv.AppendFloat(dst, x, 'g', -1, bits), true
}

// writeBytes writes text as it is, and what is none in base64.
func writeBytes(dst []byte, v parquet.Value) ([]byte, bool) {
	b := v.ByteArray()
	if utf8.Valid(b) {
		return appendString(dst, b), true
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"'), true
}

// writeJSON writes a value that is JSON itself, and as text where it is none after all.
func writeJSON(dst []byte, v parquet.Value) ([]byte, bool) {
	if b := v.ByteArray(); json.Valid(b) && utf8.Valid(b) {
		return append(dst, b...), true
	}
	return writeBytes(dst, v)
}

func writeUUID(dst []byte, v parquet.Value) ([]byte, bool) {
	b := v.ByteArray()
	if len(b) != 16 {
		return writeBytes(dst, v)
	}
	dst = append(dst, '"')
	for i, part := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		for _, c := range part {
			dst = append(dst, hex[c>>4], hex[c&15])
		}
	}
	return append(dst, '"'), true
}

func writeFloat16(dst []byte, v parquet.Value) ([]byte, bool) {
	b := v.ByteArray()
	if len(b) != 2 {
		return dst, false
	}
	bits := binary.LittleEndian.Uint16(b)
	exponent, fraction := int(bits>>10&31), float64(bits&1023)
	x := math.Ldexp(1024+fraction, exponent-25)
	switch exponent {
	case 0:
		x = math.Ldexp(fraction, -24)
	case 31:
		return dst, false // infinite, or none
	}
	if bits>>15 == 1 {
		x = -x
	}
	return appendFloat(dst, x, 32)
}

func writeDate(dst []byte, v parquet.Value) ([]byte, bool) {
	return quotedTime(dst, time.Unix(int64(v.Int32())*86400, 0), time.DateOnly)
}

// quotedTime writes a time of the years that RFC 3339 has.
func quotedTime(dst []byte, t time.Time, layout string) ([]byte, bool) {
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return dst, false
	}
	dst = append(dst, '"')
	dst = t.AppendFormat(dst, layout)
	return append(dst, '"'), true
}

func timestamps(unit format.TimeUnitValue) (writer, error) {
	var at func(n int64) time.Time
	switch unit.(type) {
	case *format.MilliSeconds:
		at = time.UnixMilli
	case *format.MicroSeconds:
		at = time.UnixMicro
	case *format.NanoSeconds:
		at = func(n int64) time.Time { return time.Unix(0, n) }
	default:
		return nil, fmt.Errorf("times in %v are not read", unit)
	}
	return func(dst []byte, v parquet.Value) ([]byte, bool) {
		return quotedTime(dst, at(v.Int64()), time.RFC3339Nano)
	}, nil
}

// dayTimes are times of a day.
func dayTimes(unit format.TimeUnitValue) (writer, error) {
	var one time.Duration
	switch unit.(type) {
	case *format.MilliSeconds:
		one = time.Millisecond
	case *format.MicroSeconds:
		one = time.Microsecond
	case *format.NanoSeconds:
		one = 1
	default:
		return nil, fmt.Errorf("times in %v are not read", unit)
	}
	return func(dst []byte, v parquet.Value) ([]byte, bool) {
		n := v.Int64()
		if v.Kind() == parquet.Int32 {
			n = int64(v.Int32())
		}
		return quotedTime(dst, time.Unix(0, n%int64(24*time.Hour/one)*int64(one)), "15:04:05.999999999")
	}, nil
}

// writeInt96 writes what older programs have for timestamps: nanoseconds of a day, and the Julian day.
func writeInt96(dst []byte, v parquet.Value) ([]byte, bool) {
	const epoch = 2440588 // the Julian day of 1970-01-01
	n := v.Int96()
	nanos := int64(n[1])<<32 | int64(n[0])
	return quotedTime(dst, time.Unix((int64(n[2])-epoch)*86400, nanos), time.RFC3339Nano)
}

func unsigned(t parquet.Type) writer {
	if t.Kind() == parquet.Int32 {
		return func(dst []byte, v parquet.Value) ([]byte, bool) {
			return strconv.AppendUint(dst, uint64(v.Uint32()), 10), true
		}
	}
	return func(dst []byte, v parquet.Value) ([]byte, bool) { return strconv.AppendUint(dst, v.Uint64(), 10), true }
}

// decimalDigitsMost of a decimal are written: Parquet's writers have at most 76.
const decimalDigitsMost = 100

// decimals are whole numbers that a power of ten divides.
func decimals(t parquet.Type, scale int) writer {
	return func(dst []byte, v parquet.Value) ([]byte, bool) {
		var n *big.Int
		switch t.Kind() {
		case parquet.Int32:
			n = big.NewInt(int64(v.Int32()))
		case parquet.Int64:
			n = big.NewInt(v.Int64())
		default:
			b := v.ByteArray()
			if len(b) > decimalDigitsMost/2 {
				return dst, false
			}
			if n = new(big.Int).SetBytes(b); len(b) > 0 && b[0] >= 0x80 {
				n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
			}
		}
		if scale < 0 || scale > decimalDigitsMost {
			return dst, false
		}
		digits := new(big.Int).Abs(n).String()
		for len(digits) <= scale {
			digits = "0" + digits
		}
		if n.Sign() < 0 {
			dst = append(dst, '-')
		}
		dst = append(dst, digits[:len(digits)-scale]...)
		if scale > 0 {
			dst = append(dst, '.')
			dst = append(dst, digits[len(digits)-scale:]...)
		}
		return dst, true
	}
}
