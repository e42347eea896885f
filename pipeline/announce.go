package pipeline

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"

	"millrace/pipeline/running"
)

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
	if p.Cluster, err = r.env.cluster.ID(ctx); err != nil {
		return err
	}
	if r.notice != nil {
		return r.notice.Update(*p)
	}
	r.notice, err = running.Announce(r.o.Runtime, *p)
	return err
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
