package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"millrace"
	"millrace/config"
	"millrace/features"
	"millrace/model"
)

// Share is what a feature's columns take of a version.
type Share struct {
	Feature string `json:"feature"`
	Columns int    `json:"columns"`
	Bytes   int64  `json:"bytes"` // about
}

// shareLeast is the least that is spoken of.
const shareLeast = 1 << 20

// shares are the features whose columns take much of a version's state, the largest first. version is its size, 0 where
// there is none: a mixture does with less of itself than its columns would take.
func shares(p *config.Pipeline, version int64) []Share {
	each := p.Model.Resolve(p.Target()).ColumnBytes(p.Target())
	if all := each * float64(p.Features.Width()); version > 0 && all > float64(version) {
		each *= float64(version) / all
	}
	var out []Share
	for i, columns := range p.Features.Widths() {
		if bytes := int64(each * float64(columns)); bytes >= shareLeast {
			out = append(out, Share{p.Features[i].Name, columns, bytes})
		}
	}
	slices.SortStableFunc(out, func(a, b Share) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return out
}

// widestText says, after an error, which feature takes most of a model's state, and what to do about it.
func widestText(p *config.Pipeline) string {
	all := shares(p, 0)
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf("; %s has %s, about %d MiB of it: %s", all[0].Feature, millrace.Counted(all[0].Columns, "column"), all[0].Bytes>>20, narrower(p, all[0].Feature))
}

// narrower says how a feature gets fewer columns.
func narrower(p *config.Pipeline, feature string) string {
	i := slices.IndexFunc(p.Features, func(c features.Column) bool { return c.Name == feature })
	switch c := p.Features[i]; {
	case c.Type == features.Bag && c.Indices > 0:
		return "leave out its indices and give bits, which hashes them"
	case c.Type == features.Category && c.Encode != "hash":
		return "lower its cap"
	default:
		return "lower its bits"
	}
}

// leftOut says what of a mixture there is no room for: because of columns where they are more than its most telling
// experts have room for, else because it is small.
func leftOut(p *config.Pipeline, m model.Model) string {
	r, ok := model.As[model.Reduced](m)
	if !ok || len(r.LeftOut()) == 0 {
		return ""
	}
	spec := p.Model.Resolve(p.Target())
	text := fmt.Sprintf("within a state_max of %s there is no room for %s: ", spec.StateMax, strings.Join(r.LeftOut(), ", "))
	if all := shares(p, 0); len(all) > 0 && p.Features.Width() > spec.ColumnsFor(p.Target()) {
		text += fmt.Sprintf("%s has %s, %s, or ", all[0].Feature, millrace.Counted(all[0].Columns, "column"), narrower(p, all[0].Feature))
	}
	return text + "raise model.state_max"
}
