package offline

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"millrace/config"
)

// predicted is what is written of the predictions of a file.
func predicted(t *testing.T, p *config.Pipeline, data Data) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	predictions, err := NewPredictions(&b, p, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Evaluate(t.Context(), p, data, predictions, unseen); err != nil {
		t.Fatal(err)
	}
	if err := predictions.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// predictedLabels are the rows and labels of the predictions of a file, as "row label".
func predictedLabels(t *testing.T, p *config.Pipeline, data Data) (head string, labels []string) {
	t.Helper()
	b := predicted(t, p, data)
	rows, err := csv.NewReader(b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		labels = append(labels, row[0]+" "+row[len(row)-1])
	}
	return strings.Join(rows[0], ","), labels
}

// TestPredictionsHaveLabels: of classes and numbers, those that come with their events, and those that come later, from
// a file of their own or by a delay.
func TestPredictionsHaveLabels(t *testing.T) {
	late, number := parsedText(t, lateConfig), parsedText(t, "name: n\nevents: {topic: n}\nfeatures: {a: number}\nlabel: {path: y, type: number}\nmodel: linear\n")
	events, labels := payments100(5)
	for i := range events {
		events[i] += "," + labels[i][strings.LastIndexByte(labels[i], ',')+1:]
	}
	inFile := parsedText(t, "name: c\nevents: {topic: c, id: id, time: time}\nfeatures: {amount: number, country: category}\n"+
		"label: {path: outcome, classes: [legit, fraud]}\nmodel: logistic\n")
	var all []string
	for i, label := range labels[1:] {
		all = append(all, fmt.Sprintf("%d %s", i+1, label[strings.LastIndexByte(label, ',')+1:]))
	}
	ended := slices.Clone(all) // by seven events, of which the last ones have none behind them
	for i := 93; i < 100; i++ {
		ended[i] = fmt.Sprintf("%d ", i+1)
	}
	own := put(t, "own.csv", events...)
	for _, c := range []struct {
		name, head string
		p          *config.Pipeline
		data       Data
		want       []string
	}{
		{"classes", "row,id,time,p_legit,p_fraud,label", inFile, Data{Events: own}, all},
		{"delayed", "row,id,time,p_legit,p_fraud,label", inFile, Data{Events: own, Delay: Delay{Given: true, Time: 20 * time.Second}}, all},
		{"by events", "row,id,time,p_legit,p_fraud,label", inFile, Data{Events: own, Delay: Delay{Given: true, Events: 7}}, ended},
		{"numbers", "row,id,time,prediction,label", number, Data{Events: put(t, "n.csv", "a,y", "1,0.25", "2,1e9", "3,", "4,-0.1")},
			[]string{"1 0.25", "2 1e+09", "3 ", "4 -0.1"}},
		{"late", "row,id,time,p_legit,p_fraud,label", late, Data{
			Events: put(t, "events.csv", "id,time,amount,country,outcome", "joined,100,1,de,", "expired,100,2,fr,", "at once,101,3,de,legit",
				"early,104,4,de,", "joined,105,5,de,", ",106,6,de,", "late,120,7,de,", "bad,121,many,de,", "\"a\rb\r\n\",122,8,fr,"),
			Labels: put(t, "labels.csv", "of,known,outcome", "early,103,fraud", "stranger,104,legit", "at once,105,fraud", "joined,106,legit",
				"joined,107,fraud", "late,122,legit", "expired,122,fraud")},
			[]string{"1 legit", "2 ", "3 legit", "4 fraud", "5 ", "6 ", "7 legit", "9 "}},
	} {
		head, got := predictedLabels(t, c.p, c.data)
		if head != c.head || !slices.Equal(got, c.want) {
			t.Errorf("%s: %s: %q, want %s: %q", c.name, head, got, c.head, c.want)
		}
	}
}
