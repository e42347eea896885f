package infer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"millrace"
	"millrace/features"
	"millrace/model"
)

// result writes the file and gathers what stands in it.
func (p *plan) result(s *survey) *Result {
	r := &Result{
		Name: p.options.Name, Label: p.label.path, Guessed: p.why != "", Classes: p.classes, Positive: p.positive,
		Model: p.model, Sparse: p.sparse || p.bagged, Rows: p.rows, Skipped: s.skipped, Fault: s.fault,
	}
	if r.Name == "" {
		r.Name = nameOf(p.topic)
	}
	if p.id != nil {
		r.ID = p.id.path
	}
	if p.time != nil {
		r.Time = p.time.path
	}
	for _, f := range p.features {
		r.Features = append(r.Features, f.Column)
	}
	w := &writer{plan: p, result: r}
	w.head()
	w.connections()
	w.events()
	w.featureLines()
	w.labelLines()
	w.limitLines()
	w.modelLines()
	w.tail()
	r.YAML = w.out.Bytes()
	r.Report = p.report(s, r)
	return r
}

// writer writes the pipeline file. It is written by hand, not marshalled, for its comments.
type writer struct {
	plan   *plan
	result *Result
	out    bytes.Buffer
}

func (w *writer) line(format string, args ...any) {
	fmt.Fprintf(&w.out, format, args...)
	w.out.WriteByte('\n')
}

func (w *writer) head() {
	p := w.plan
	w.line("# Pipeline %s, written after a look at %s of %s.", w.result.Name, count(p.rows, "event"), oneLine(p.topic))
	w.line("# Types, label and model are guesses: read them, change them, then run")
	w.line("#   millrace check -c FILE")
	if p.options.Flags != "" {
		w.line("# How the data is written stands in no pipeline file: evaluate, produce, predict and run --from are told, too:")
		w.line("#   millrace evaluate -c FILE DATA %s", oneLine(p.options.Flags))
	}
	if w.result.Skipped > 0 {
		w.line("# Skipped, for they cannot be read: %s.", count(w.result.Skipped, "event"))
		w.line("#   The first: %s", oneLine(w.result.Fault))
	}
	w.line("")
	w.line("name: %s", scalar(w.result.Name))
	w.line("")
}

func (w *writer) connections() {
	o := w.plan.options
	if len(o.Brokers) > 0 {
		w.line("kafka: {brokers: [%s]}", scalars(o.Brokers))
	} else {
		w.line("kafka: embedded    # a broker inside the process; for your own: {brokers: [localhost:9092]}")
	}
	if o.Redis != "" {
		w.line("redis: {url: %s}", scalar(o.Redis))
	} else {
		w.line("redis: embedded    # a store inside the process; for your own: {url: redis://localhost:6379/0}")
	}
	w.line("")
}

func (w *writer) events() {
	topic := w.plan.options.Topic
	if topic == "" {
		topic = w.result.Name + ".events"
	}
	fields := []string{"topic: " + scalar(topic)}
	if w.result.ID != "" {
		fields = append(fields, "id: "+scalar(w.result.ID))
	}
	if w.result.Time != "" {
		fields = append(fields, "time: "+w.plan.timeSetting())
	}
	if w.plan.time != nil {
		for _, note := range timeNotes(w.plan.time) {
			w.line("# The time of events: %s.", oneLine(note))
		}
		if text, _ := w.plan.stepsBack(); text != "" {
			w.line("# %s.", oneLine(strings.ToUpper(text[:1])+text[1:]))
		}
	}
	w.line("events: {%s}", strings.Join(fields, ", "))
	w.line("")
}

func (w *writer) featureLines() {
	p := w.plan
	w.line("# %s, in this order.", count(int64(len(p.features)), "feature"))
	if p.sparse {
		w.line("# An index that an event leaves out is zero, so values are not centred.")
	}
	w.line("features:")
	lines := make([]string, len(p.features))
	width := 0
	for i, f := range p.features {
		lines[i] = fmt.Sprintf("  %s: %s", key(f.Name), settings(f.Column))
		if f.note != "" {
			width = max(width, utf8.RuneCountInString(lines[i]))
		}
	}
	// One very long name must not push all comments out of sight.
	const widest = 72
	width = min(width, widest)
	for i, f := range p.features {
		if f.note == "" {
			w.line("%s", lines[i])
			continue
		}
		w.line("%-*s  # %s", width, lines[i], oneLine(f.note))
	}
	for _, f := range p.offered {
		w.line("  # %s: %s  # %s", key(f.Name), settings(f.Column), oneLine(f.note))
	}
	w.windowLines()
	if len(p.left) > 0 {
		w.line("  # Left out:")
	}
	for _, left := range p.left {
		w.line("  #   %s", oneLine(left.String()))
	}
	w.line("")
}

// settings writes what of a column is not the default, short where that is all.
func settings(c features.Column) string {
	var more []string
	standard := features.DefaultColumn(c.Name, c.Type)
	if c.Path != "" {
		more = append(more, "path: "+scalar(c.Path))
	}
	if c.Format != "" {
		more = append(more, "format: "+c.Format)
	}
	if len(c.Unit) > 0 {
		more = append(more, "unit: "+unitSetting(c.Unit))
	}
	if c.Scale != standard.Scale {
		more = append(more, "scale: "+c.Scale)
	}
	if c.Encode != standard.Encode {
		more = append(more, "encode: "+c.Encode)
	}
	if c.Cap != standard.Cap {
		more = append(more, "cap: "+strconv.Itoa(c.Cap))
	}
	if hashed(c) {
		more = append(more, "bits: "+strconv.Itoa(c.Bits))
	}
	if c.Indices != standard.Indices {
		more = append(more, "indices: "+strconv.Itoa(c.Indices))
	}
	if c.Entries != standard.Entries {
		more = append(more, "entries: "+strconv.Itoa(c.Entries))
	}
	if c.Type == features.Since {
		more = append(more, "of: "+scalar(c.Of[0]))
	}
	if len(c.Parts) > 0 {
		more = append(more, "parts: ["+strings.Join(c.Parts, ", ")+"]")
	}
	switch {
	case len(c.Gaps) > 0 && c.Missing != standard.Missing:
		more = append(more, "missing: {as: "+c.Missing+", values: ["+scalars(c.Gaps)+"]}")
	case len(c.Gaps) > 0:
		more = append(more, "missing: {values: ["+scalars(c.Gaps)+"]}")
	case c.Missing != standard.Missing:
		more = append(more, "missing: "+c.Missing)
	}
	if len(more) == 0 {
		return string(c.Type)
	}
	return fmt.Sprintf("{type: %s, %s}", c.Type, strings.Join(more, ", "))
}

// unitSetting writes the spellings of a unit, one without brackets.
func unitSetting(unit []string) string {
	if len(unit) == 1 {
		return scalar(unit[0])
	}
	return "[" + scalars(unit) + "]"
}

func (w *writer) labelLines() {
	p := w.plan
	if p.why != "" {
		w.line("# The label is a guess, %s.", p.why)
	}
	if len(p.label.gaps) > 0 {
		then := "rejected"
		if p.classes == nil && !slices.ContainsFunc(p.label.gaps, func(word string) bool { return !millrace.MissingWord([]byte(word)) }) {
			then = "scored, and not learned"
		}
		w.line("# Where it says %s there is nothing to learn: such events are %s.", oneLine(p.label.gapText()), then)
	}
	path := scalar(p.label.path)
	if p.classes == nil {
		if fewIntegers(p.label) {
			w.line("# Its %d different values could also be classes.", len(p.label.distinct))
		}
		if note := p.label.formatNote(); note != "" {
			w.line("# %s%s.", strings.ToUpper(note[:1]), oneLine(note[1:]))
		}
		if f := formatOf[p.label.format]; f != "" {
			path += ", format: " + string(f)
		}
		if unit := p.label.unit; len(unit) > 0 {
			w.line("# It has %s.", oneLine(p.label.unitNote()))
			path += ", unit: " + unitSetting(unit)
		}
		w.line("label: {path: %s, type: number}    # %.6g to %.6g", path, p.label.min, p.label.max)
		w.line("")
		return
	}
	if len(p.classes) > 2 {
		w.line("# %d classes; another value is rejected as unknown_class.", len(p.classes))
	} else {
		w.line("# A score is the probability of the positive class: %s, %s.", oneLine(p.positive), p.order)
	}
	positive := ""
	if p.positive != "" {
		positive = ", positive: " + scalars([]string{p.positive})
	}
	if len(p.joined) > 0 {
		for _, words := range p.joined {
			w.line("# %s are one class.", oneLine(listed(words)))
		}
		path += ", ignore_case: true"
	}
	if text := scalars(p.classes); len(text)+len(positive) < 80 {
		w.line("label: {path: %s, classes: [%s]%s}", path, text, positive)
	} else {
		w.line("label:")
		w.line("  path: %s", scalar(p.label.path))
		if len(p.joined) > 0 {
			w.line("  ignore_case: true")
		}
		w.line("  classes: [%s]", wrap(text, 80, "    "))
		if p.positive != "" {
			w.line("  positive: %s", scalars([]string{p.positive}))
		}
	}
	w.line("")
}

// wrap breaks a list after commas, so that no line grows beyond width if it can be helped. A comma
// inside quotes is none of the list's, so only those before a space outside quotes count.
func wrap(list string, width int, indent string) string {
	var b strings.Builder
	quoted, from, column := false, 0, 0
	flush := func(to int) {
		if column > 0 && column+to-from > width {
			b.WriteString("\n" + indent)
			column = 0
		} else if column > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(list[from:to])
		column += to - from + 1
	}
	for i := 0; i < len(list); i++ {
		switch {
		case quoted && list[i] == '\\':
			i++
		case list[i] == '"':
			quoted = !quoted
		case !quoted && list[i] == ' ':
			flush(i)
			from = i + 1
		}
	}
	flush(len(list))
	return b.String()
}

// modelLines writes the model, and what it could be instead.
func (w *writer) modelLines() {
	p := w.plan
	w.line("# %s", modelNote(p.model, len(p.classes)))
	optimizer := ""
	if o := ModelSpec(p.model, p.sparse || p.bagged).Optimizer; o.Type != "" {
		optimizer = fmt.Sprintf(", optimizer: {type: %s, rate: %g, schedule: %s}", o.Type, o.Rate, o.Schedule.Type)
	}
	switch {
	case p.model == "mlp":
		w.line("model:")
		w.line("  type: mlp")
		w.line("  hidden: [64, 64]")
		w.line("  activation: tanh")
	case optimizer != "":
		w.line("model: {type: %s%s}", p.model, optimizer)
	default:
		w.line("model: %s", p.model)
	}
	w.line("")
}

// modelNote says which families could stand there.
func modelNote(family string, classes int) string {
	const auto = model.FamilyAuto
	others := slices.DeleteFunc(model.Suitable(model.TargetSpec{Classes: classes}), func(other string) bool {
		return other == family || other == auto
	})
	if family == auto {
		return "auto: a mixture of experts that needs no tuning; others: " + strings.Join(others, ", ") + "."
	}
	return "Others: " + strings.Join(others, ", ") + ", and auto, a mixture of experts that needs no tuning."
}

// Of what is left at its defaults, the beginning, and what of it TakeSnapshots takes out.
const defaultsText, snapshotsText = "# Left at their defaults: ", "snapshots every 5s, "

func (w *writer) tail() {
	w.line("%s%sscores to the topic <events topic>.scores,", defaultsText, snapshotsText)
	w.line("# events that cannot be used to <events topic>.dead.")
}

// TakeSnapshots writes into the file when snapshots are taken, as the file says it, and why not as by default.
func (r *Result) TakeSnapshots(setting, why string) {
	line := fmt.Sprintf("snapshots: %s    # %s\n", setting, oneLine(why))
	at := bytes.LastIndex(r.YAML, []byte(defaultsText+snapshotsText))
	if at < 0 { // a file that speaks of no defaults
		r.YAML = append(r.YAML, "\n"+line...)
		return
	}
	rest := bytes.TrimPrefix(r.YAML[at:], []byte(defaultsText+snapshotsText))
	r.YAML = slices.Concat(r.YAML[:at], []byte(line+"\n"+defaultsText), rest)
}

// plain matches what every YAML reader takes for text without quotes, apart from the words below.
var plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./-]*$`)

// Words that some YAML reader takes for a boolean, null or number.
var words = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

// scalar writes text so that the pipeline file means that text: variables, which are looked for in
// values only, have their dollar doubled.
func scalar(text string) string { return key(strings.ReplaceAll(text, "${", "$${")) }

// key writes text so that YAML reads it back as that text. Where it needs quotes JSON's do: YAML's
// double quotes understand all that JSON writes.
func key(text string) string {
	if plain.MatchString(text) && !slices.Contains(words, strings.ToLower(text)) {
		return text
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return strconv.Quote(text) // never: text always has a JSON form
	}
	return escape(strings.TrimSuffix(b.String(), "\n"))
}

// escape writes out what JSON allows within quotes and YAML reads as a line's end, or not at all.
func escape(quoted string) string {
	var b strings.Builder
	for _, r := range quoted {
		if r >= 0x7f && r <= 0x9f || r == 0xfeff || r >= 0xfffe && r <= 0xffff {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func scalars(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = scalar(text)
		// Whole numbers in a list are read as they are written.
		if n, err := strconv.Atoi(text); err == nil && strconv.Itoa(n) == text {
			quoted[i] = text
		}
	}
	return strings.Join(quoted, ", ")
}

// oneLine keeps a comment from ending before its text does.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return ' '
		}
		return r
	}, text)
}

// count writes a number and its thing, with commas in large numbers.
func count(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return digitsOf(n) + " " + thing
}

// digitsOf writes a number with commas.
func digitsOf(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
