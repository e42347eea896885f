package folder

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

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

// KeepCheckpoint writes a checkpoint of a version of at most so many bytes. The newest of those that are there becomes
// the one before it, unless that is known to be of more use. It is whole and on disk when KeepCheckpoint returns nil;
// after an error those that were there are left. It returns how many bytes it wrote.
func (f *Folder) KeepCheckpoint(ctx context.Context, m millrace.Manifest, settings string, most int64, blocks Blocks) (int64, error) {
	manifest, err := snapshot.EncodeManifest(m)
	if err != nil {
		return 0, fmt.Errorf("keeping a checkpoint of version %d: %w", m.Seq, err)
	}
	path := filepath.Join(f.path, checkpointNewest)
	w := &frameWriter{ctx: ctx, most: most}
	err = snapshot.ReplaceFileBy(path, func(file io.Writer) error {
		w.w = bufio.NewWriterSize(file, 1<<20)
		return w.all(manifest, settings, blocks)
	}, func() error { return f.turn(ctx) })
	if err != nil {
		return w.written, fmt.Errorf("keeping a checkpoint of version %d: %w", m.Seq, advised(err))
	}
	f.newest.Store(isWhole)
	return w.written, nil
}

// What is known of the newest checkpoint that is there.
const (
	isUnknown int32 = iota
	isWhole
	isUseless // broken, or of no version that the head goes on from, where the one before it is
)

// turn makes the newest checkpoint the one before it, when it is of any use: else that stays, and the newest will be
// replaced. So there are never fewer that can be used than there were.
func (f *Folder) turn(ctx context.Context) error {
	newest, before := Checkpoint{Path: filepath.Join(f.path, checkpointNewest)}, filepath.Join(f.path, checkpointBefore)
	if err := f.makeWay(newest.Path); err != nil {
		return err
	}
	if f.newest.Load() == isUnknown && newest.whole(ctx) != nil {
		f.newest.Store(isUseless)
	}
	if err := ctx.Err(); err != nil { // it may be what ended reading
		return err
	}
	if f.newest.Load() == isUseless {
		return nil
	}
	if err := f.makeWay(before); err != nil {
		f.told(before, err)
		return nil // the newest is what matters
	}
	if err := os.Rename(newest.Path, before); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Used says that a checkpoint is one that the head goes on from: the next one leaves it where the other one is of less
// use.
func (f *Folder) Used(c *Checkpoint) {
	if filepath.Base(c.Path) == checkpointBefore {
		f.newest.Store(isUseless)
	} else {
		f.newest.Store(isWhole)
	}
}

// Checkpoints are those that are there, the newest first. One that cannot be read is told to broken, and left out.
func (f *Folder) Checkpoints(broken func(path string, err error)) []Checkpoint {
	f.newest.Store(isUnknown)
	return f.checkpoints(broken)
}

// Holds reports whether the checkpoint of a version is there. It changes nothing of what is known of them.
func (f *Folder) Holds(digest string) bool {
	there := f.checkpoints(func(string, error) {})
	return slices.ContainsFunc(there, func(c Checkpoint) bool { return c.Digest == digest })
}

func (f *Folder) checkpoints(broken func(path string, err error)) []Checkpoint {
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

// whole is what is wrong with a checkpoint, nil when nothing is.
func (c *Checkpoint) whole(ctx context.Context) error {
	return c.open(func(r *frameReader) error { return r.blocks(ctx, func(byte, []byte) error { return nil }) })
}

// Read hands do all blocks. An error that wraps millrace.ErrCorrupt may come after some of them; that of do ends it.
func (c *Checkpoint) Read(ctx context.Context, do func(kind byte, block []byte) error) error {
	was := c.Digest
	return c.open(func(r *frameReader) error {
		if c.Digest != was {
			return fmt.Errorf("%w: the file is another one by now", millrace.ErrCorrupt)
		}
		return r.blocks(ctx, do)
	})
}

// open reads what comes before the blocks, and leaves them to do.
func (c *Checkpoint) open(do func(r *frameReader) error) (err error) {
	if err := odd(c.Path, takesItsPlace); err != nil {
		return fmt.Errorf("opening a checkpoint: %w", err)
	}
	file, err := os.Open(c.Path)
	if err != nil {
		return fmt.Errorf("opening a checkpoint: %w", advised(err))
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
