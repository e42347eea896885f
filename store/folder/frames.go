package folder

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"millrace"
)

// FrameBytesMax bounds a block of a checkpoint: a manifest, or an event with all its values, is far below.
const FrameBytesMax = 64 << 20

// The frames of a checkpoint that are not blocks of its state.
const (
	frameManifest = 'M'
	frameSettings = 'S'
	frameEnd      = 'E'
)

// frameHead is what comes before a frame's kind: length and checksum.
const frameHead = 8

// frameWriter writes the frames of a checkpoint:
//
//	uint32   bytes of kind and content, little-endian
//	uint32   CRC-32C of all kinds and contents up to here
//	byte     kind
//	content
type frameWriter struct {
	ctx           context.Context
	w             *bufio.Writer
	crc           uint32
	written, most int64
}

func (w *frameWriter) all(manifest []byte, settings string, blocks Blocks) error {
	if _, err := w.w.WriteString(checkpointMagic); err != nil {
		return err
	}
	w.written = int64(len(checkpointMagic))
	err := w.frame(frameManifest, manifest)
	if err == nil {
		err = w.frame(frameSettings, []byte(settings))
	}
	if err == nil {
		err = blocks(w.frame)
	}
	if err == nil {
		err = w.frame(frameEnd, nil)
	}
	if err != nil {
		return err
	}
	return w.w.Flush()
}

func (w *frameWriter) frame(kind byte, content []byte) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	w.written += int64(frameHead + 1 + len(content))
	if w.written > w.most || len(content) >= FrameBytesMax {
		return fmt.Errorf("%w of %d bytes", ErrTooLarge, w.most)
	}
	w.crc = checksum(w.crc, kind, content)
	var head [frameHead + 1]byte
	binary.LittleEndian.PutUint32(head[:], uint32(1+len(content)))
	binary.LittleEndian.PutUint32(head[4:], w.crc)
	head[frameHead] = kind
	if _, err := w.w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.w.Write(content)
	return err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(crc uint32, kind byte, content []byte) uint32 {
	return crc32.Update(crc32.Update(crc, castagnoli, []byte{kind}), castagnoli, content)
}

// frameReader reads what frameWriter wrote.
type frameReader struct {
	r       *bufio.Reader
	crc     uint32
	content []byte
}

// frame returns the next frame, which is valid until the one after it.
func (r *frameReader) frame() (kind byte, content []byte, err error) {
	var head [frameHead + 1]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return 0, nil, fmt.Errorf("%w: it ends early (%w)", millrace.ErrCorrupt, err)
	}
	n := int64(binary.LittleEndian.Uint32(head[:]))
	if n < 1 || n > FrameBytesMax {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes", millrace.ErrCorrupt, n)
	}
	// It grows by what is there, not by what the length says.
	buffer := r.content[:0]
	for want := int(n - 1); len(buffer) < want; {
		from := len(buffer)
		buffer = append(buffer, make([]byte, min(want-from, 1<<20))...)
		if _, err := io.ReadFull(r.r, buffer[from:]); err != nil {
			return 0, nil, fmt.Errorf("%w: it ends early (%w)", millrace.ErrCorrupt, err)
		}
	}
	r.content, kind = buffer, head[frameHead]
	r.crc = checksum(r.crc, kind, buffer)
	if r.crc != binary.LittleEndian.Uint32(head[4:]) {
		return 0, nil, fmt.Errorf("%w: a checksum is wrong", millrace.ErrCorrupt)
	}
	return kind, buffer, nil
}

// blocks hands do all frames up to the end, behind which there must be nothing.
func (r *frameReader) blocks(ctx context.Context, do func(kind byte, block []byte) error) error {
	for {
		kind, content, err := r.frame()
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case err != nil:
			return err
		case kind != frameEnd:
			if err := do(kind, content); err != nil {
				return err
			}
			continue
		case len(content) > 0:
			return fmt.Errorf("%w: an end that goes on", millrace.ErrCorrupt)
		}
		if _, err := r.r.ReadByte(); !errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: more follows the end", millrace.ErrCorrupt)
		}
		return nil
	}
}
