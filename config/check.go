package config

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"millrace"
	"millrace/decode"
	"millrace/features"
)

// The patterns stand in the JSON Schema, too. A name goes into Redis keys and metric labels; the
// topic's limit is Kafka's own.
const (
	namePattern  = `^[A-Za-z0-9._-]{1,100}$`
	topicPattern = `^[A-Za-z0-9._-]{1,249}$`
)

// crossCheck checks what several sections say together, and what only the file cares about.
func (c *checker) crossCheck() {
	c.checkName()
	c.checkConnections()
	c.checkEvents()
	c.checkTopics()
	c.checkFeatures()
	c.checkPaths()
	c.checkLabel()
	c.checkCalibration()
	c.checkLateLabels()
	c.checkZeros()
	c.checkSnapshots()
	c.checkLimits()
	c.checkAdmin()
}

// checkName keeps names within what Redis keys, topics and metric labels take without escaping.
func (c *checker) checkName() {
	name := c.pipeline.Name
	if !regexp.MustCompile(namePattern).MatchString(name) {
		c.flag("name", "found the text "+quoted(name)+"; write letters, digits, - _ and ., at most 100")
	}
}

// checkConnections says what the specs of Kafka and Redis do not say themselves.
func (c *checker) checkConnections() {
	if r := c.pipeline.Redis; r.Mode == modeEmbedded && r.URL != "" {
		c.flag("redis.mode", "embedded starts a store of its own, and a url is given; leave out one of them")
	}
}

// isAddress reports whether s is host:port with a port from portMin.
func isAddress(s string, portMin int) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= portMin && n <= 65535
}

// checkEvents bounds what a misplaced digit could ask a broker for.
func (c *checker) checkEvents() {
	// 10,000 is far beyond what one learner reads, and what a broker of one machine bears.
	const partitionsMax = 10_000
	if n := c.pipeline.Events.Partitions; n < 1 || n > partitionsMax {
		c.flag("events.partitions", fmt.Sprintf("found %d; write 1 to %d", n, partitionsMax))
	}
}

// checkTopics keeps the three topics legal and apart: a scorer that reads its own scores, or a
// learner its own dead letters, never comes to an end.
func (c *checker) checkTopics() {
	e, s := c.pipeline.Events, c.pipeline.Scores
	legal := regexp.MustCompile(topicPattern)
	for _, t := range []struct{ path, topic string }{
		{"events.topic", e.Topic}, {"events.dead_letters", e.DeadLetters}, {"scores.topic", s.Topic},
	} {
		_, _, given := c.root.resolve(t.path)
		if !given && !legal.MatchString(e.Topic) {
			continue // its default follows from the events topic, which is wrong
		}
		if t.topic == "." || t.topic == ".." || !legal.MatchString(t.topic) {
			c.flag(t.path, "found the text "+quoted(t.topic)+"; Kafka takes letters, digits, - _ and ., at most 249, as a topic")
		}
	}
	if e.Topic == "" {
		return
	}
	if e.DeadLetters == e.Topic {
		c.flag("events.dead_letters", "is the events topic; dead letters would be read as events")
	}
	switch s.Topic {
	case e.Topic:
		c.flag("scores.topic", "is the events topic; scores would be read as events")
	case e.DeadLetters:
		c.flag("scores.topic", "is the topic of the dead letters; write another")
	}
	for i, word := range s.Include {
		if slices.Contains(s.Include[:i], word) && word != "" {
			c.flag("scores.include"+indexName(i), quoted(word)+" is listed twice")
		}
	}
}

// checkFeatures looks at what the file gives, not at the column: a default that the type does not read
// is no mistake, the same value written down is one.
func (c *checker) checkFeatures() {
	if len(c.pipeline.Features) == 0 {
		c.flag("features", "there is no feature; write at least one, as amount: number")
	}
	section := c.root.child("features")
	for i := range c.pipeline.Features {
		column := &c.pipeline.Features[i]
		at := section.child(indexName(i))
		for _, unread := range millrace.UnreadSettings(*column) {
			if at.has(unread.Name) {
				c.flag("features"+indexName(i)+"."+unread.Name, "means nothing for "+describe(column)+"; leave it out")
			}
		}
	}
}

// checkColumnZeros reports zeros that resolve would make defaults, before it does.
func (c *checker) checkColumnZeros() {
	section := c.root.child("features")
	for i := range c.pipeline.Features {
		column := &c.pipeline.Features[i]
		at := section.child(indexName(i))
		for _, f := range []struct {
			name  string
			value int
		}{{"keys", column.Keys}, {"panes", column.Panes}} {
			if at.has(f.name) && f.value == 0 {
				c.flag("features"+indexName(i)+"."+f.name, "found 0; write a number above 0, or leave it out for the default")
			}
		}
	}
}

// describe names a column by what decides which settings it reads.
func describe(c *features.Column) string {
	switch {
	case c.Type == features.Number && c.Scale == "none":
		return "a number without scaling"
	case c.Type == features.Category && c.Encode == "hash":
		return "a hashed category"
	case c.Type == features.Category:
		return "a one-hot category"
	case c.Type == features.Window && c.Key == "":
		return "a window without a key"
	case c.Type == features.Bag && c.Indices > 0:
		return "a bag with indices"
	}
	return "a " + string(c.Type)
}

// reading is a place in the file that names a path of the event.
type reading struct {
	at   string // of the setting, for messages to point to
	path string
	keys []string // of path; nil when it is no path
	who  string
	// shared: what it reads may be a feature, too.
	shared bool
}

// checkPaths keeps what is read from the event apart: one value fills one column, a value cannot
// also be an object with values inside, and a label among the features would be learned by heart.
// The id and the time may be features as well.
func (c *checker) checkPaths() {
	p := c.pipeline
	readings := make([]reading, 0, len(p.Features)+2)
	for i := range p.Features {
		if p.Features[i].Derived() {
			continue // reads nothing from the event
		}
		if p.Features[i].Type == features.Since {
			if source := p.Features.TimeSource(i); source.Type == features.Since { // else that feature's reading
				readings = append(readings, reading{
					at: "features" + indexName(i) + ".of", path: source.EventPath(), who: "feature " + source.Name, shared: true,
				})
			}
			continue
		}
		readings = append(readings, reading{
			at: "features" + indexName(i) + ".path", path: p.Features[i].Path, who: "feature " + p.Features[i].Name,
		})
	}
	if p.Label.Path != "" {
		readings = append(readings, reading{at: "label.path", path: p.Label.Path, who: "the label"})
	}
	if p.Label.Weight != "" {
		readings = append(readings, reading{at: "label.weight", path: p.Label.Weight, who: "the weight", shared: true})
	}
	owner := make(map[string]string, len(readings)) // joined keys to who reads them
	for i := range readings {
		r := &readings[i]
		r.keys = c.split(r.at, r.path)
		if first, twice := owner[joinKeys(r.keys)]; twice && r.shared {
			if first == "the label" {
				c.flag(r.at, "is the label's path; write the path of a number that says how much the event counts")
			}
		} else if twice && r.at == "label.path" {
			c.flag(r.at, "is the path of "+first+" too; a model that sees the label has nothing to learn")
		} else if twice {
			c.flag(r.at, "reads "+quoted(r.path)+", and so does "+first)
		} else if r.keys != nil {
			owner[joinKeys(r.keys)] = r.who
		}
	}
	for _, r := range readings {
		for n := 1; n < len(r.keys); n++ {
			if outer, ok := owner[joinKeys(r.keys[:n])]; ok {
				c.flag(r.at, "lies inside "+quoted(features.JoinPath(r.keys[:n]...))+", which "+outer+" reads as a value")
			}
		}
	}
	c.split("events.id", p.Events.ID)
	c.split("events.time", p.Events.Time.Path)
	c.split("events.key", p.Events.Key)
}

// split takes a path apart, nil when it is empty or no path.
func (c *checker) split(at, path string) []string {
	if path == "" {
		return nil
	}
	keys, err := features.SplitPath(path)
	if err != nil {
		c.flag(at, "found the text "+quoted(path)+"; "+err.Error())
	}
	return keys
}

// joinKeys makes a map's key of a path's keys: equal for equal paths, however they are escaped.
func joinKeys(keys []string) string { return strings.Join(keys, "\x00") }

// checkLabel explains both kinds of label where neither is chosen: the first thing a newcomer's file
// gets wrong.
func (c *checker) checkLabel() {
	c.checkCounts()
	if c.pipeline.Label.Type == "" && c.root.child("label").inside["classes"] == nil {
		c.flag("label.type", "what is predicted is missing; write classes, as {path: y, classes: [no, yes]}, or for a number {path: y, type: number}")
	}
}

// checkCounts refuses labels that the file itself makes up or asks for and that a model of counts refuses.
func (c *checker) checkCounts() {
	const why = "; with model.loss: poisson labels are counts, of which none is negative: "
	l := &c.pipeline.Label
	if c.pipeline.Model.Loss != "poisson" || l.Type != "number" {
		return
	}
	if missing := l.IfMissing(); missing.Known && missing.Value < 0 {
		c.flag("label.missing.value", "found "+l.Missing.Value+why+"write 0 or more, or drop")
	}
	if l.Max != nil && *l.Max < 0 {
		c.flag("label.max", fmt.Sprintf("found %g%swrite more than 0", *l.Max, why))
	}
	if l.Min != nil && *l.Min < 0 && l.Outside == decode.OutsideClip {
		c.flag("label.min", fmt.Sprintf("found %g, which smaller ones count as%swrite min: 0", *l.Min, why))
	}
}

// checkZeros reports zeros that would silently become defaults: a spec cannot tell a zero from a
// field that the file leaves out, the file can.
func (c *checker) checkZeros() {
	m := &c.pipeline.Model
	o := &m.Optimizer
	for _, f := range []struct {
		path  string
		value float64
	}{
		{"optimizer.rate", o.Rate}, {"optimizer.beta1", o.Beta1}, {"optimizer.beta2", o.Beta2},
		{"optimizer.rho", o.Rho}, {"optimizer.epsilon", o.Epsilon}, {"optimizer.schedule.decay", o.Schedule.Decay},
		{"optimizer.schedule.power", o.Schedule.Power}, {"huber_delta", m.HuberDelta}, {"c", m.C},
		{"batch", float64(m.Batch)},
	} {
		if _, _, given := c.root.resolve("model." + f.path); given && f.value == 0 {
			c.flag("model."+f.path, "found 0; write a number above 0, or leave it out for the default")
		}
	}
	if _, _, given := c.root.resolve("model.l2"); given && m.L2 == 0 && m.Type == "svm" {
		c.flag("model.l2", "found 0; an svm has an L2 penalty: write a number above 0, or leave it out for the default")
	}
}

// checkSnapshots refuses what would run for hours and leave nothing behind.
func (c *checker) checkSnapshots() {
	s := c.pipeline.Snapshots
	if s.Every == 0 && s.Events == 0 {
		c.flag("snapshots.every", "no snapshot would ever be taken; write a duration above 0s, or events above 0")
	}
	if s.Keep < 2 {
		c.flag("snapshots.keep", fmt.Sprintf("found %d; keep at least 2, so that there is one to go back to", s.Keep))
	}
	if s.UnpublishedMax == 0 {
		c.flag("snapshots.unpublished_max", "nothing would be learned; write at least 1")
	}
}

// checkLimits compares two limits with each other; the decoder checks each alone.
func (c *checker) checkLimits() {
	if l := c.pipeline.Limits; l.Text > l.Event {
		c.flag("limits.text", "found "+l.Text.String()+"; a text is no longer than its event, "+l.Event.String())
	}
}

// checkAdmin takes port 0, which tests and several pipelines on one machine want.
func (c *checker) checkAdmin() {
	if listen := c.pipeline.Admin.Listen; !isAddress(listen, 0) {
		c.flag("admin.listen", "found the text "+quoted(listen)+"; write host:port, as 127.0.0.1:9464")
	}
	if listen := c.pipeline.Scores.HTTP; listen != "" && !isAddress(listen, 0) {
		c.flag("scores.http", "found the text "+quoted(listen)+"; write host:port, as 127.0.0.1:8080")
	}
}
