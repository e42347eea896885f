package folder

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"millrace"
	"millrace/snapshot"
)

// The files of checkpoints: the newest, and the one before it, which a rollback may need. No more are kept.
const (
	checkpointNewest = "keyed.checkpoint"
	checkpointBefore = "keyed.before.checkpoint"
)

// checkpointMagic begins a checkpoint; its number is the version of the frames.
const checkpointMagic = "millrace-checkpoint 1\n"

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

// ErrTooLarge is that a checkpoint would be larger than it may be.
var ErrTooLarge = errors.New("the checkpoint would be larger than its bound")

// Blocks hands write the state by key of a version in blocks, each with a lower-case letter that says of what; write
// does not keep them. It ends with the first error of write.
type Blocks func(write func(kind byte, block []byte) error) error

// Checkpoint is a file with the state by key of one version. The manifest is that version's, and Digest its SHA-256;
// Settings is what whoever wrote it said of how the blocks are to be read. Size is the file's, in bytes.
type Checkpoint struct {
	Manifest millrace.Manifest
	Digest   string
	Settings string
	Path     string
	Size     int64
}

// KeepCheckpoint writes a checkpoint of a version of at most so many bytes, and drops the oldest of those that are
// there. It is whole and on disk when KeepCheckpoint returns nil; after an error those that were there are left. It
// returns how many bytes it wrote.
func (f *Folder) KeepCheckpoint(ctx context.Context, m millrace.Manifest, settings string, most int64, blocks Blocks) (int64, error) {
	manifest, err := snapshot.EncodeManifest(m)
	if err != nil {
		return 0, fmt.Errorf("keeping a checkpoint of version %d: %w", m.Seq, err)
	}
	path := filepath.Join(f.path, checkpointNewest)
	w := &frameWriter{ctx: ctx, most: most}
	err = snapshot.ReplaceFileBy(path, func(file io.Writer) error {
		w.w = bufio.NewWriterSize(file, 1<<20)
		if err := w.all(manifest, settings, blocks); err != nil {
			return err
		}
		if err := os.Rename(path, filepath.Join(f.path, checkpointBefore)); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	})
	if err != nil {
		return w.written, fmt.Errorf("keeping a checkpoint of version %d: %w", m.Seq, err)
	}
	return w.written, nil
}

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

func checksum(crc uint32, kind byte, content []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Update(crc, table, []byte{kind}), table, content)
}

// Checkpoints are those that are there, the newest first. One that cannot be read is told to broken, and left out.
func (f *Folder) Checkpoints(broken func(path string, err error)) []Checkpoint {
	var all []Checkpoint
	for _, name := range []string{checkpointNewest, checkpointBefore} {
		c := Checkpoint{Path: filepath.Join(f.path, name)}
		switch err := c.open(func(*frameReader) error { return nil }); {
		case err == nil:
			all = append(all, c)
		case !errors.Is(err, os.ErrNotExist):
			broken(c.Path, err)
		}
	}
	return all
}

// Read hands do all blocks. An error that wraps millrace.ErrCorrupt may come after some of them; that of do ends it.
func (c *Checkpoint) Read(ctx context.Context, do func(kind byte, block []byte) error) error {
	was := c.Digest
	return c.open(func(r *frameReader) error {
		if c.Digest != was {
			return fmt.Errorf("%w: the file is another one by now", millrace.ErrCorrupt)
		}
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
	})
}

// open reads what comes before the blocks, and leaves them to do.
func (c *Checkpoint) open(do func(r *frameReader) error) (err error) {
	file, err := os.Open(c.Path)
	if err != nil {
		return fmt.Errorf("opening a checkpoint: %w", err)
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			err = fmt.Errorf("reading checkpoint %s: %w", c.Path, err)
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	c.Size = info.Size()
	r := &frameReader{r: bufio.NewReaderSize(file, 1<<20)}
	if err := c.begin(r); err != nil {
		return err
	}
	return do(r)
}

func (c *Checkpoint) begin(r *frameReader) error {
	magic := make([]byte, len(checkpointMagic))
	if _, err := io.ReadFull(r.r, magic); err != nil || string(magic) != checkpointMagic {
		return fmt.Errorf("%w: it begins with %.40q, not with %q: another release wrote it, or it is none", millrace.ErrCorrupt, magic, checkpointMagic)
	}
	kind, manifest, err := r.frame()
	if err != nil || kind != frameManifest {
		return errors.Join(fmt.Errorf("%w: no manifest", millrace.ErrCorrupt), err)
	}
	if c.Manifest, err = snapshot.DecodeManifest(manifest); err != nil {
		return err
	}
	c.Digest = snapshot.Digest(manifest)
	kind, settings, err := r.frame()
	if err != nil || kind != frameSettings {
		return errors.Join(fmt.Errorf("%w: no settings", millrace.ErrCorrupt), err)
	}
	c.Settings = string(settings)
	return nil
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
