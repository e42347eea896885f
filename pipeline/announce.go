package pipeline

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"time"

	"millrace/pipeline/running"
)

// noticeEvery is the pause between looks whether the notice is still there: shorter than other commands wait for it.
const noticeEvery = time.Second

// newInstance is a process's id.
func newInstance() string { return rand.Text() }

// announce says in the runtime folder where the process listens. Where it cannot, the pipeline runs all the same: who
// wants to reach it then needs addresses.
func (r *Pipeline) announce(ctx context.Context) {
	if r.o.Runtime == "" {
		return
	}
	p := running.Process{Instance: r.instance, Pipeline: r.env.pipeline.Name, Learning: r.o.Learn, Scoring: r.o.Score,
		Addresses: r.addresses(), PID: os.Getpid(), Started: r.since}
	err := r.tell(ctx, &p)
	if err != nil {
		r.env.log.Warn("other commands will not find this process by themselves", "error", err)
	}
}

func (r *Pipeline) tell(ctx context.Context, p *running.Process) (err error) {
	if r.o.File != "" {
		if p.Config, err = filepath.Abs(r.o.File); err != nil {
			return err
		}
	}
	if r.o.Learn {
		for _, file := range challengerFiles(r.env.pipeline, r.o.File, r.o.Challengers) {
			if file, err = filepath.Abs(file); err != nil {
				return err
			}
			p.Challengers = append(p.Challengers, file)
		}
	}
	r.noteDigests(p)
	if p.Cluster, err = r.env.cluster.ID(ctx); err != nil {
		return err
	}
	if r.notice != nil {
		return r.notice.Update(*p)
	}
	r.notice, err = running.Announce(r.o.Runtime, *p)
	return err
}

// noteDigests notes what the files were when they were read.
func (r *Pipeline) noteDigests(p *running.Process) {
	p.Digests = map[string]string{}
	note := func(path, digest string) {
		if path != "" && digest != "" {
			p.Digests[path] = digest
		}
	}
	note(p.Config, r.env.pipeline.Digest())
	for i, c := range r.env.challengers[:min(len(r.env.challengers), len(p.Challengers))] { // both in the order of the files
		note(p.Challengers[i], c.env.pipeline.Digest())
	}
}

// keepNotice makes the notice again whenever somebody has taken it away, until ctx ends.
func (r *Pipeline) keepNotice(ctx context.Context, notice *running.Notice) {
	ticker := time.NewTicker(noticeEvery)
	defer ticker.Stop()
	for told := ""; ; {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			again, err := notice.Renew(now)
			switch {
			case err != nil && err.Error() != told:
				told = err.Error()
				r.env.log.Warn("other commands no longer find this process by themselves", "error", err)
			case err == nil && (again || told != ""):
				told = ""
				r.env.log.Info("what says to other commands where this process listens was gone, and stands there again", "folder", r.o.Runtime)
			}
		}
	}
}

// withdraw takes back what announce said.
func (r *Pipeline) withdraw() {
	if r.notice == nil {
		return
	}
	if err := r.notice.Close(); err != nil {
		r.env.log.Warn("taking away what says where the process listens", "error", err)
	}
	r.notice = nil
}
