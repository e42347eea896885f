package files

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

// digestBytes of a hash tell files apart that one person sends to one topic.
const digestBytes = 8

// Digest tells files apart by what is in them and by how they are read: a word of 16 letters, the same for the same
// bytes under other names. It reads them whole, and tells
// progress how many bytes it has read. ok is false where one is no regular file, which can be read once only.
func Digest(ctx context.Context, paths []string, shape Shape, progress func(read int64)) (digest string, ok bool, err error) {
	hash := sha256.New()
	header := "found out"
	if shape.NoHeader != nil {
		header = fmt.Sprint(!*shape.NoHeader)
	}
	fmt.Fprintf(hash, "%q %q %q %q %q %s\n", shape.Format, shape.Delimiter, shape.Quote, shape.Comment, shape.Encoding, header)
	in := &until{ctx: ctx, progress: progress}
	for _, path := range paths {
		if path == StdinPath {
			return "", false, nil
		}
		info, err := os.Stat(path)
		if err != nil {
			return "", false, fmt.Errorf("telling files apart: %w", err)
		}
		if !info.Mode().IsRegular() {
			return "", false, nil
		}
		fmt.Fprintf(hash, "%d\n", info.Size())
		if err := in.add(hash, path); err != nil {
			return "", false, fmt.Errorf("telling files apart: %w", err)
		}
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:digestBytes]), true, nil
}

// until reads files until a context ends.
type until struct {
	ctx      context.Context
	file     *os.File
	read     int64
	progress func(read int64)
}

func (u *until) add(to io.Writer, path string) (err error) {
	if u.file, err = os.Open(path); err != nil {
		return err
	}
	defer u.file.Close()
	_, err = io.Copy(to, u)
	return err
}

// Read implements io.Reader.
func (u *until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := u.file.Read(p)
	u.read += int64(n)
	u.progress(u.read)
	return n, err
}
