package pipeline

import (
	"os"
	"strings"
	"testing"

	"millrace"
	"millrace/config"
	"millrace/learner"
	"millrace/payments"
)

// learnRare learns payments of which about one in a thousand is fraud, with the label's further settings, a line each.
func learnRare(t *testing.T, modelText, settings string, n int) *learner.Progressive {
	t.Helper()
	text := strings.Replace(payments.Pipeline("", ""), "  classes: [legit, fraud]\n", "  classes: [legit, fraud]\n"+settings, 1)
	before, rest, _ := strings.Cut(text, "\nmodel:")
	_, after, _ := strings.Cut(rest, "\nsnapshots:")
	p, err := config.Parse("rare.yaml", []byte(before+"\nmodel: "+modelText+"\nsnapshots:"+after), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Build(p)
	if err != nil {
		t.Fatal(err)
	}
	g, e := payments.NewRare(1, 0.02), l.Decoder.NewEvent()
	var value []byte
	for range n {
		value = g.Next(value[:0])
		if err := l.Decoder.Decode(&millrace.Record{Value: value}, e); err != nil {
			t.Fatal(err)
		}
		if err := l.Trainer.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	return l.Trainer.Progressive
}

// TestRareClassIsLearned: with one fraud in a thousand a model finds hardly any before it is told that they weigh more.
// Found are more of them, and ranks are better where steps divide by the gradient's size; corrected probabilities keep
// the ranks and win the log-loss back. Calibration is left out, whose function moves, and ranks over time with it.
func TestRareClassIsLearned(t *testing.T) {
	if testing.Short() {
		t.Skip("learns 100,000 payments several times")
	}
	const n = 100_000
	for _, m := range []string{"{type: mlp, hidden: [64, 32], activation: relu, optimizer: adam, calibrate: none}", "{type: logistic, optimizer: adam}"} {
		plain := learnRare(t, m, "", n)
		share := float64(plain.ClassCounts()[1]) / n
		if share < 0.0007 || share > 0.0015 {
			t.Fatalf("%g of the payments are fraud, want about 0.001", share)
		}
		balanced := learnRare(t, m, "  class_weights: balanced\n", n)
		corrected := learnRare(t, m, "  class_weights: {mode: balanced, probabilities: corrected}\n", n)
		p, _ := plain.Binary(learner.All)
		b, _ := balanced.Binary(learner.All)
		c, _ := corrected.Binary(learner.All)
		bLoss, _, _ := balanced.Report(learner.All)
		cLoss, _, _ := corrected.Report(learner.All)
		t.Logf("%s: without weights %+v, balanced %+v (log-loss %.4f), corrected %+v (%.4f)", m, p, b, bLoss.LogLoss, c, cLoss.LogLoss)
		if b.Recall < p.Recall+0.15 || b.ROCAUC < p.ROCAUC+0.01 {
			t.Errorf("%s: balanced %+v is no better than %+v", m, b, p)
		}
		if d := c.ROCAUC - b.ROCAUC; d < -0.01 || d > 0.01 || c.Recall > b.Recall {
			t.Errorf("%s: corrected %+v beside %+v", m, c, b)
		}
		if bLoss.LogLoss < 2*cLoss.LogLoss {
			t.Errorf("%s: log-loss %.4f corrected, %.4f balanced", m, cLoss.LogLoss, bLoss.LogLoss)
		}
	}
}
