// Package quality measures how well every family of models learns: on streams of a folder of data beside what they did
// before, and on streams that are spoilt on purpose beside the same streams as they were.
package quality

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"millrace/pipeline/status"
)

// Worse is how many times as large as before a loss may be.
const Worse = 1.005

// Key names a figure: whose it is, on what, over how many seeds.
type Key struct {
	Stream string // name of the file
	Family string // logistic stands for linear models of classes, linear for those of numbers
	Seeds  int
}

// Figure is what progressive validation gave.
type Figure struct {
	Events uint64 // the same file has the same number
	Losses status.Losses
}

// Loss is what families are compared by: the log-loss, or the root mean squared error of numbers.
func (f Figure) Loss() float64 {
	if f.Losses.LogLoss != nil {
		return *f.Losses.LogLoss
	}
	return *f.Losses.RMSE
}

// Take is a set of figures that one build gave.
type Take struct {
	Name    string // what it is called in tables
	Commit  string // of the build
	Figures map[Key]Figure
}

// Standing is how a figure stands beside an earlier one.
type Standing struct {
	Ratio float64 // of the losses; more than 1 is worse
	Worse bool
	// Why says why there is no ratio; empty where there is one.
	Why string
}

// Against compares a figure with that of the take.
func (t *Take) Against(k Key, f Figure) Standing {
	before, ok := t.Figures[k]
	switch {
	case !ok:
		return Standing{Why: "new"}
	case before.Events != f.Events:
		return Standing{Why: "other rows"}
	case (before.Losses.LogLoss == nil) != (f.Losses.LogLoss == nil):
		return Standing{Why: "other label"}
	case before.Loss() == 0:
		return Standing{Ratio: 1, Worse: f.Loss() > 0}
	}
	ratio := f.Loss() / before.Loss()
	return Standing{Ratio: ratio, Worse: !(ratio <= Worse)} // NaN is worse
}

// columns of the file of figures.
func columns() []string {
	return []string{"take", "commit", "stream", "events", "family", "seeds", "accuracy", "log_loss", "mae", "rmse"}
}

// Read reads takes, in their order in the file.
func Read(r io.Reader) ([]*Take, error) {
	c := csv.NewReader(r)
	head, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("reading figures: %w", err)
	}
	if !slices.Equal(head, columns()) {
		return nil, fmt.Errorf("reading figures: the columns are %v, expected %v", head, columns())
	}
	var takes []*Take
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return takes, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading figures: %w", err)
		}
		k, f, err := parse(row)
		if err != nil {
			line, _ := c.FieldPos(0)
			return nil, fmt.Errorf("reading figures, line %d: %w", line, err)
		}
		i := slices.IndexFunc(takes, func(t *Take) bool { return t.Name == row[0] })
		if i < 0 {
			i = len(takes)
			takes = append(takes, &Take{Name: row[0], Commit: row[1], Figures: map[Key]Figure{}})
		}
		takes[i].Figures[k] = f
	}
}

func parse(row []string) (Key, Figure, error) {
	var f Figure
	k := Key{Stream: row[2], Family: row[4]}
	var err error
	if f.Events, err = strconv.ParseUint(row[3], 10, 64); err != nil {
		return k, f, fmt.Errorf("parsing events: %w", err)
	}
	if k.Seeds, err = strconv.Atoi(row[5]); err != nil {
		return k, f, fmt.Errorf("parsing seeds: %w", err)
	}
	for i, to := range []**float64{&f.Losses.Accuracy, &f.Losses.LogLoss, &f.Losses.MAE, &f.Losses.RMSE} {
		if row[6+i] == "" {
			continue
		}
		v, err := strconv.ParseFloat(row[6+i], 64)
		if err != nil {
			return k, f, fmt.Errorf("parsing %s: %w", columns()[6+i], err)
		}
		*to = &v
	}
	if f.Losses.LogLoss == nil && f.Losses.RMSE == nil {
		return k, f, errors.New("it has neither a log_loss nor an rmse")
	}
	return k, f, nil
}

// Write writes takes, sorted within each, so that a difference shows what changed.
func Write(w io.Writer, takes []*Take) error {
	c := csv.NewWriter(w)
	rows := [][]string{columns()}
	for _, t := range takes {
		for _, k := range t.keys() {
			f := t.Figures[k]
			rows = append(rows, []string{t.Name, t.Commit, k.Stream, strconv.FormatUint(f.Events, 10), k.Family, strconv.Itoa(k.Seeds),
				figure(f.Losses.Accuracy), figure(f.Losses.LogLoss), figure(f.Losses.MAE), figure(f.Losses.RMSE)})
		}
	}
	if err := c.WriteAll(rows); err != nil {
		return fmt.Errorf("writing figures: %w", err)
	}
	return nil
}

func (t *Take) keys() []Key {
	keys := make([]Key, 0, len(t.Figures))
	for k := range t.Figures {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(order(a.Family), order(b.Family)), cmp.Compare(a.Seeds, b.Seeds))
	})
	return keys
}

// figure is to seven digits: more would differ between processors.
func figure(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', 7, 64)
}

// Load reads a file of takes; one that is not there has none.
func Load(path string) ([]*Take, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening figures: %w", err)
	}
	defer file.Close()
	return Read(file)
}

// Store writes takes to a file. The figures of a take of the same name that this one has none of stay, unless they are
// of another commit.
func Store(path string, takes []*Take, add *Take) error {
	i := slices.IndexFunc(takes, func(t *Take) bool { return t.Name == add.Name })
	switch {
	case i < 0:
		takes = append(takes, add)
	case takes[i].Commit != add.Commit:
		takes[i] = add
	default:
		for k, f := range add.Figures {
			takes[i].Figures[k] = f
		}
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing figures: %w", err)
	}
	return errors.Join(Write(file, takes), file.Close())
}
