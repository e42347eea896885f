package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"millrace/offline"
)

// isTerminal reports whether w is a terminal that a person may be looking at.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// progressBar shows how far long work is; it is silent unless standard error is a terminal.
type progressBar struct{ bar *progressbar.ProgressBar }

// newProgress counts towards total; a total of -1 is unknown.
func (a *app) newProgress(total int64, what string, bytes bool) *progressBar {
	if !isTerminal(a.err) {
		return &progressBar{}
	}
	return &progressBar{bar: progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(a.err), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(bytes), progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())}
}

const (
	// progressAfter a work is long enough for its progress to be of interest.
	progressAfter = 2 * time.Second
	// progressEvery a line says how far it is, where there is no terminal.
	progressEvery = 10 * time.Second
)

// progress counts the bytes of a file that is read, from progressAfter on: in a bar on a terminal, in a line now and
// then elsewhere.
func (a *app) progress(what string) (progress offline.Progress, finish func()) {
	bar := &progressBar{}
	return func(total int64) func(int64) {
		if total <= 0 {
			total = -1
		}
		next := time.Now().Add(progressAfter)
		return func(read int64) {
			switch now := time.Now(); {
			case bar.bar != nil:
				bar.set(read)
			case now.Before(next):
			case isTerminal(a.err):
				bar = a.newProgress(total, what, true)
				bar.set(read)
			default:
				next = now.Add(progressEvery)
				if total > 0 {
					fmt.Fprintf(a.err, "%s: %d %% of %s\n", what, 100*read/total, byteText(total))
				} else {
					fmt.Fprintf(a.err, "%s: %s so far\n", what, byteText(read))
				}
			}
		}
	}, func() { bar.finish() }
}

// recordsProgress counts records that are read, from progressAfter on, as progress does bytes.
func (a *app) recordsProgress(what string) (set func(read, total int64), finish func()) {
	bar, next := &progressBar{}, time.Now().Add(progressAfter)
	return func(read, total int64) {
		switch now := time.Now(); {
		case bar.bar != nil:
			bar.set(read)
		case now.Before(next):
		case isTerminal(a.err):
			bar = a.newProgress(total, what, false)
			bar.set(read)
		default:
			next = now.Add(progressEvery)
			fmt.Fprintf(a.err, "%s: %d of %d\n", what, read, total)
		}
	}, func() { bar.finish() }
}

// set moves to n. Its errors are those of writing to a terminal, which nothing depends on.
func (p *progressBar) set(n int64) {
	if p.bar != nil {
		_ = p.bar.Set64(n)
	}
}

func (p *progressBar) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
