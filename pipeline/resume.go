package pipeline

import (
	"context"
	"errors"
	"fmt"
)

// Resumed says what topics held of files whose rows are to be sent.
type Resumed struct {
	Found     bool  // there were some
	Other     bool  // there were rows of other files, or of these as they were before they changed
	Pass, Row int64 // the newest, from 0
}

// Resume gives rows numbers, which their records carry with the digest of their files, and leaves out those that the
// pipeline's topics have: it looks at the topics' ends, for the newest rows of these files. Rows are then sent in
// blocks, see blockRows, so that none is lost and none is sent twice, whenever sending ends.
func (r *Pipeline) Resume(ctx context.Context, rows *FileRows, digest string) (Resumed, error) {
	return resumeRows(ctx, r.env, rows, digest)
}

func resumeRows(ctx context.Context, e *environment, rows *FileRows, digest string) (Resumed, error) {
	topics := readTopics(e.pipeline)
	sent, err := findSent(ctx, e.cluster, topics, digest)
	if err != nil {
		return Resumed{}, err
	}
	rows.digest, rows.sent = digest, sent
	if sent.found && rows.again != nil {
		if err := rows.timeAs(ctx, sent); err != nil {
			return Resumed{}, err
		}
	}
	return Resumed{Found: sent.found, Other: sent.other, Pass: sent.newest.Pass, Row: sent.newest.Row}, nil
}

// timeAs gives the rows of two files the record times that those which were sent have: they go on as far apart as they
// are, however long sending has paused.
func (r *FileRows) timeAs(ctx context.Context, sent *sentRows) (err error) {
	again, err := r.again()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, again.Close()) }()
	for {
		row, err := again.read(ctx)
		if err != nil {
			return fmt.Errorf("looking for row %d, which the topics have: %w", sent.anchor.Row, err)
		}
		if again.next > sent.anchor.Row {
			r.shift = sent.anchorTime - row.Time
			return nil
		}
	}
}

// Passed is how many events were left out, as the topics have them.
func (r *FileRows) Passed() uint64 { return r.passed }
