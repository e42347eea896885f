package pipeline

import (
	"fmt"
	"path/filepath"

	"millrace"
	"millrace/config"
	"millrace/join/disk"
)

// spaceOfDisk warns when the file system of the state folder has less room than pipelines may take together.
func (c *Checked) spaceOfDisk(all []*config.Pipeline, space func(string) (disk.Space, error)) {
	var wanted int64
	var there disk.Space
	at := ""
	for _, p := range all { // whose state is in one folder, the champion's
		if !p.LateLabels() || p.Join.Disk == 0 || p.State == "" {
			continue
		}
		s, err := spaceBy(space)(filepath.Join(p.State, p.Name))
		if err != nil {
			c.Warnings = append(c.Warnings, fmt.Sprintf("whether there is room for join.disk (%s) is not known: %v", p.Join.Disk, err))
			return
		}
		wanted, at = wanted+int64(p.Join.Disk), p.State
		there = disk.Space{Free: s.Free, Taken: there.Taken + s.Taken}
	}
	if text := tooLittle(at, wanted, there); text != "" {
		c.Warnings = append(c.Warnings, text)
	}
}

// warnOfSpace warns at the start of a learner when the file system of its state folder has less room than it may take.
func (l *learning) warnOfSpace() {
	at, wanted := l.env.folder.Folder(), int64(l.env.pipeline.Join.Disk)
	there, err := spaceBy(l.o.space)(at)
	if err != nil {
		l.env.log.Warn("whether there is room for join.disk is not known", "error", err)
		return
	}
	if text := tooLittle(at, wanted, there); text != "" {
		l.env.log.Warn(text)
	}
}

func spaceBy(space func(string) (disk.Space, error)) func(string) (disk.Space, error) {
	if space == nil {
		return disk.SpaceOf
	}
	return space
}

// tooLittle says that a store may outgrow its file system; empty when it cannot. It is no error: a file system may be
// given more, files take less than what is charged, and the rate may be lower than what the file allows for.
func tooLittle(folder string, wanted int64, there disk.Space) string {
	if there.Free >= wanted-there.Taken {
		return ""
	}
	taken := ""
	if there.Taken > 0 {
		taken = fmt.Sprintf(", beside the %s that what waits takes there", nearly(there.Taken))
	}
	return fmt.Sprintf("join.disk is %s, and the file system of %s has %s free%s: when it is full, learning ends with an error; make room, or lower join.disk",
		nearly(wanted), folder, nearly(there.Free), taken)
}

// nearly is a size with a few digits.
func nearly(bytes int64) string {
	if bytes < 1<<20 {
		return millrace.Bytes(bytes).String()
	}
	if bytes < 10<<30 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d GiB", bytes>>30)
}
