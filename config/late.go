package config

import (
	"fmt"
	"regexp"
	"strings"

	"millrace/decode"
	"millrace/features"
	"millrace/join"
)

// checkLateLabels checks what labels on a topic of their own need of the rest of the file.
func (c *checker) checkLateLabels() {
	p := c.pipeline
	given := func(path string) bool { _, _, found := c.root.resolve(path); return found }
	if !p.LateLabels() {
		for _, path := range []string{"label.wait", "label.early", "join"} {
			if given(path) {
				c.flag(path, "has an effect only with label.topic: labels that come later")
			}
		}
		return
	}
	if p.Events.ID == "" {
		c.flag("label.topic", "labels find their events by id; write events: {topic: "+orElse(p.Events.Topic, "TOPIC")+", id: PATH}")
	}
	for i := range p.Features {
		if p.Features[i].Type == features.Lag {
			c.flag("features"+indexName(i), "a lag does not go with label.topic: an event that is learned when its label comes would "+
				"be given what came after it; a window (type: window, stat: last) is taken when the event comes")
		}
	}
	if p.Limits.Text > join.IDBytesMax {
		c.flag("limits.text", fmt.Sprintf("found %s; with label.topic ids are kept, of at most %d bytes", p.Limits.Text, join.IDBytesMax))
	}
	c.checkLabelTopics()
	c.checkLabelPaths()
}

// checkLabelTopics keeps the topics of labels legal and apart from the others.
func (c *checker) checkLabelTopics() {
	p := c.pipeline
	legal := regexp.MustCompile(topicPattern)
	for _, t := range []struct{ path, topic string }{{"label.topic", p.Label.Topic}, {"label.dead_letters", p.Label.DeadLetters}} {
		if t.topic == "." || t.topic == ".." || !legal.MatchString(t.topic) {
			c.flag(t.path, "found the text "+quoted(t.topic)+"; Kafka takes letters, digits, - _ and ., at most 249, as a topic")
			return
		}
	}
	for _, t := range []struct{ path, topic, other, what string }{
		{"label.topic", p.Label.Topic, p.Events.Topic, "the events topic; a label that comes with its event needs no topic: leave it out"},
		{"label.topic", p.Label.Topic, p.Events.DeadLetters, "the topic of the dead letters; write another"},
		{"label.topic", p.Label.Topic, p.Scores.Topic, "the topic of the scores; write another"},
		{"label.dead_letters", p.Label.DeadLetters, p.Label.Topic, "the topic of the labels; dead letters would be read as labels"},
		{"label.dead_letters", p.Label.DeadLetters, p.Events.Topic, "the events topic; dead letters would be read as events"},
		{"label.dead_letters", p.Label.DeadLetters, p.Events.DeadLetters, "the topic of the events' dead letters; write another"},
		{"label.dead_letters", p.Label.DeadLetters, p.Scores.Topic, "the topic of the scores; write another"},
	} {
		if t.topic == t.other {
			c.flag(t.path, "is "+t.what)
			return
		}
	}
}

// checkLabelPaths keeps apart what is read from a label record, as checkPaths does for events.
func (c *checker) checkLabelPaths() {
	l := &c.pipeline.Label
	type reading struct {
		at, who string
		keys    []string
	}
	var read []reading
	for _, r := range []struct{ at, path, who string }{
		{"label.path", l.Path, "the label"}, {"label.weight", l.Weight, "the weight"}, {"label.id", l.ID, "the id"}, {"label.time", l.Time.Path, "the time"},
	} {
		if r.path == "" || r.at == "label.id" && r.path == decode.KeyID {
			continue
		}
		keys, err := features.SplitPath(r.path)
		if err != nil {
			continue // told by who owns the path
		}
		for _, before := range read {
			a, b := joinKeys(before.keys), joinKeys(keys)
			id, time := strings.HasSuffix(r.at, ".id"), strings.HasSuffix(r.at, ".time")
			switch {
			case a == b && (id || time) && before.who != "the id": // an id that is a time is odd, and none of our business
				c.flag(r.at, fmt.Sprintf("reads %s of a label record, and so does %s", quoted(r.path), before.who))
			case strings.HasPrefix(b, a+"\x00"):
				c.flag(r.at, fmt.Sprintf("lies inside %s of a label record, which %s reads as a value", quoted(features.JoinPath(before.keys...)), before.who))
			case strings.HasPrefix(a, b+"\x00"):
				c.flag(r.at, fmt.Sprintf("is read as a value of a label record, and %s lies inside", before.who))
			}
		}
		read = append(read, reading{r.at, r.who, keys})
	}
}
