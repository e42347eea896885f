package learner

import (
	"errors"
	"math"

	"millrace"
	"millrace/elementary"
	"millrace/features"
	"millrace/model"
)

// importance estimates how much worse predictions get without a feature, while they are learned from: incremental
// permutation feature importance (Fumagalli, Muschalik, Hüllermeier and Hammer 2023, "Incremental permutation feature
// importance (iPFI): towards online explanations on data streams", algorithm 1). Of one in [watchEvery] events that are
// learned the feature whose turn it is gets the value that another recent event had, and the loss of what is predicted
// then is compared with the loss of the prediction. So it costs a prediction for that many events, which is less than
// learning one of them, and needs no clock to stay below a hundredth of their time.
type importance struct {
	x       *features.Extractor
	players []features.Player
	classes int
	clock   []uint64  // see the importance… indices
	sums    []float64 // [players, 2] smoothed differences of losses, and how far smoothing has come
	recent  *recent   // values that the features had
	blend   *features.Blend
	other   millrace.Event // what is put in place

	input      millrace.Input
	scratch    model.Scratch
	outputs    []float32
	prediction []float64
}

// Indices into an importance's clock.
const (
	importanceRandom = iota
	importanceNext   // events until the next that is looked at
	importanceTurn   // the feature whose turn it is then
	importanceLen
)

// importanceRate is what a difference counts: figures remember about a hundred of a feature's turns.
const importanceRate = 0.01

func newImportance(x *features.Extractor, m model.Model, classes int, seed uint64) *importance {
	players := x.Players()
	im := &importance{x: x, players: players, classes: classes, clock: make([]uint64, importanceLen),
		sums: make([]float64, 2*len(players)), recent: newRecent(x), blend: x.NewBlend(),
		input: x.NewInput(), scratch: m.NewScratch(), outputs: make([]float32, m.Outputs()), prediction: make([]float64, m.Outputs())}
	im.other.Fields = make([]millrace.Field, x.Fields())
	im.clock[importanceRandom] = seed
	im.clock[importanceNext] = gap(&im.clock[importanceRandom])
	return im
}

// due counts an event that is to be learned, and reports whether it is one to look at. What is only assumed of an event
// says nothing of a prediction.
func (im *importance) due(y millrace.Delay) bool {
	if y != millrace.Told || len(im.players) == 0 {
		return false
	}
	im.clock[importanceNext]--
	return im.clock[importanceNext] == 0
}

// replace makes dst the views of an event, which has been extracted, with another's value of the feature whose turn it
// is; ok is false before there is one. The event's own value is kept for others.
func (im *importance) replace(dst millrace.Input, e *millrace.Event) (player int, ok bool) {
	random := &im.clock[importanceRandom]
	im.clock[importanceNext] = gap(random)
	player = int(im.clock[importanceTurn])
	im.clock[importanceTurn] = uint64(player+1) % uint64(len(im.players))
	if rows := im.recent.filled[player]; rows > 0 {
		im.recent.load(player, int(splitMix(random)%uint64(rows)), &im.other)
		im.blend.Begin(e, &im.other)
		im.blend.Take(player, true)
		im.blend.Extract(dst)
		ok = true
	}
	row := int(im.recent.filled[player])
	if row == im.recent.rows {
		row = int(splitMix(random) % uint64(row))
	}
	im.recent.store(player, row, e)
	return player, ok
}

// settle takes in the predictions of an event as it was and with a feature replaced.
func (im *importance) settle(player int, replaced, prediction []float64, y millrace.Label) {
	difference := im.loss(replaced, y) - im.loss(prediction, y)
	sum := im.sums[2*player:]
	sum[0] += importanceRate * (difference - sum[0])
	sum[1] += importanceRate * (1 - sum[1])
}

// lossFloor bounds what one event can say: 13.8 nats.
const lossFloor = 1e-6

// loss is the log-loss in nats, of numbers the absolute error.
func (im *importance) loss(prediction []float64, y millrace.Label) float64 {
	if im.classes == 0 {
		return math.Abs(clampError(prediction[0] - y.Value))
	}
	return -elementary.Log(max(prediction[y.Class], lossFloor))
}

// of is a feature's importance; NaN before its first turn.
func (im *importance) of(player int) float64 {
	if im.sums[2*player+1] == 0 {
		return math.NaN()
	}
	return im.sums[2*player] / im.sums[2*player+1]
}

func (im *importance) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("importance.clock", millrace.Tensor{Shape: []int{importanceLen}, U64: im.clock, Added: true}, millrace.Training)
	visit("importance.sums", millrace.Tensor{Shape: []int{len(im.players), 2}, F64: im.sums, Added: true}, millrace.Training)
	im.recent.state(visit)
}

func (im *importance) restored() error {
	if next := im.clock[importanceNext]; next == 0 || next > gapMax {
		return errors.New("the next event whose features are replaced is out of range")
	}
	if turn := im.clock[importanceTurn]; turn > 0 && turn >= uint64(len(im.players)) {
		return errors.New("the next feature that is replaced is out of range")
	}
	for i := 0; i < len(im.sums); i += 2 {
		if v, most := im.sums[i], im.sums[i+1]; math.IsNaN(v) || math.IsInf(v, 0) || !(most >= 0 && most <= 1) {
			return errors.New("the importance of a feature is not finite")
		}
	}
	return im.recent.restored()
}

// probe predicts an event with a feature replaced, if it is its turn, for a model that learns one event after the
// other. It touches nothing that predicting left for learning.
func (t *Trainer) probe(e *millrace.Event) (player int, ok bool) {
	if t.Watch == nil || !t.Watch.importance.due(e.Label.Delay) {
		return 0, false
	}
	im := t.Watch.importance
	if player, ok = im.replace(im.input, e); !ok {
		return 0, false
	}
	t.Model.Predict(im.outputs, im.input, im.scratch)
	t.tell(im.prediction, im.outputs)
	return player, true
}

// addProbe adds the event that is to be added next once more before itself, with a feature replaced, if it is its turn.
// Chunks have room for it beside what they take.
func (t *Trainer) addProbe(e *millrace.Event) (player, at int) {
	if t.Watch == nil || !t.Watch.importance.due(e.Label.Delay) {
		return 0, none
	}
	c := &t.chunk
	c.added++
	c.next(t.Extractor)
	c.added--
	player, ok := t.Watch.importance.replace(c.inputs[c.added+1], e)
	if !ok {
		return 0, none
	}
	c.inputs[c.added], c.inputs[c.added+1] = c.inputs[c.added+1], c.inputs[c.added]
	t.addPrediction()
	return player, c.added - 1
}
