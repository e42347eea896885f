package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// takesItsPlace is what becomes of what is in the way of a file.
const takesItsPlace = "move it away, or leave it, and the next file that is written takes its place"

// odd is why what has the name of a file is none that can be read; nil for a file, for a link to one, and where there
// is nothing. A pipe would be waited for without an end. then is what becomes of it.
func odd(path, then string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return advised(err)
	case info.Mode()&fs.ModeSymlink != 0:
		if info, err = os.Stat(path); err != nil {
			return fmt.Errorf("%s is a link that leads to no file: delete it (%v)", path, err) //nolint:errorlint // the link is there, so that it is no file that is not
		}
	}
	what := "a pipe, a socket or a device"
	switch {
	case info.Mode().IsRegular():
		return nil
	case info.IsDir():
		what = "a folder"
	}
	return fmt.Errorf("%s is %s, where a file belongs: %s", path, what, then)
}

// asideMost is how many things at most are moved out of the way of one file.
const asideMost = 10

// makeWay moves a folder away that has the name of a file to be written, and tells of it. Of all that may have that
// name only a folder has to be moved: a file takes the place of anything else.
func (f *Folder) makeWay(path string) error {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() {
		return nil //nolint:nilerr // whoever writes the file finds out
	}
	if os.Remove(path) == nil { // it was empty
		f.told(path, errors.New("an empty folder had the name of a file, and was deleted"))
		return nil
	}
	aside := path + ".aside"
	for n := 2; n <= asideMost; n++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
		aside = fmt.Sprintf("%s.aside%d", path, n)
	}
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("a folder has the name of a file, and cannot be moved away: move it yourself: %w", err)
	}
	f.told(path, fmt.Errorf("a folder had the name of a file: it is %s now, delete it when nothing in it is needed", aside))
	return nil
}

// advised is an error with what to do about it, where that can be told.
func advised(err error) error {
	what := ""
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		what = "make room on the disk of the state folder, or name another folder"
	case errors.Is(err, syscall.EROFS):
		what = "the state folder must be writable: mount its disk so, or name another folder"
	case errors.Is(err, fs.ErrPermission):
		what = "give this process's user the right to read and write the state folder and what is in it"
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, what)
}
