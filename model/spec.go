package model

import "millrace"

// Spec describes a model in a pipeline file. `model: logistic` is short for `model: {type: logistic}`.
// Fields left at zero take the family's default, see Resolve.
type Spec struct {
	Type string `yaml:"type,short" enum:"auto|logistic|linear|svm|mlp|tree|forest" hash:"schema" doc:"family: auto (a mixture that needs no tuning), logistic (classes; softmax for more than two), linear (numbers), svm (classes or numbers), mlp, tree (Hoeffding tree) or forest (adaptive random forest)"`

	View       string        `yaml:"view" enum:"standard|levels|pairs" of:"logistic|linear|svm|mlp" hash:"schema" doc:"what the model sees: standard features, these with one column a level of small integers as well, or these with all products of two"`
	Hidden     []int         `yaml:"hidden" of:"mlp" hash:"none" doc:"units of each hidden layer, short for layers"`
	Layers     []LayerSpec   `yaml:"layers" of:"mlp" hash:"schema" doc:"the hidden layers, first to last; the output layer follows from the label"`
	Activation string        `yaml:"activation" enum:"relu|tanh|sigmoid|identity" of:"mlp" hash:"none" doc:"activation of the hidden layers, tanh by default"`
	Init       string        `yaml:"init" enum:"uniform|he|glorot" of:"mlp" hash:"training" doc:"initial weights: uniform is U(±1/√fan-in) with biases; glorot by default where all layers are tanh, uniform elsewhere"`
	Norm       string        `yaml:"norm" enum:"none|layer" of:"mlp" hash:"schema" doc:"layer norm before the activation of every hidden layer, or none"`
	Dropout    float64       `yaml:"dropout" of:"mlp" hash:"training" doc:"share of hidden units left out while learning, at most 0.9"`
	Plasticity string        `yaml:"plasticity" enum:"none|l2_init|shrink_perturb" of:"mlp" hash:"training" doc:"upkeep of the ability to learn on long streams: none, a pull toward the initial weights, or shrinking and perturbing weights"`
	Upkeep     float64       `yaml:"upkeep" of:"mlp" hash:"training" doc:"strength of plasticity: the share of a weight's distance from where it is pulled that an update takes off, 1e-4 by default"`
	Loss       string        `yaml:"loss" enum:"cross_entropy|squared|huber|quantile|poisson|hinge|epsilon_insensitive" of:"logistic|linear|svm|mlp" hash:"training; schema if loss=poisson" doc:"loss; by default cross_entropy for classes, squared for numbers, hinge for svm with classes, epsilon_insensitive for svm with numbers"`
	HuberDelta float64       `yaml:"huber_delta" of:"linear if loss=huber|mlp if loss=huber" hash:"training" doc:"where squared loss becomes absolute, in standard deviations of the label"`
	Quantile   float64       `yaml:"quantile" of:"linear if loss=quantile|mlp if loss=quantile" hash:"training" doc:"which quantile is predicted, between 0 and 1"`
	Optimizer  OptimizerSpec `yaml:"optimizer" of:"logistic|linear|svm|mlp" doc:"how the weights follow the gradient"`
	L1         float64       `yaml:"l1" of:"logistic|linear|svm|mlp" hash:"training" doc:"L1 penalty on the weights, not the biases"`
	L2         float64       `yaml:"l2" of:"logistic|linear|svm|mlp" hash:"training" doc:"L2 penalty on the weights, not the biases"`
	Clip       float64       `yaml:"clip" of:"logistic|linear|svm|mlp" hash:"training" doc:"largest global norm of a gradient; 0 is no clipping"`
	Batch      int           `yaml:"batch" of:"logistic|linear|svm|mlp" hash:"training" doc:"events an update averages over"`

	Update     string     `yaml:"update" enum:"gradient|pegasos|pa1|pa2" of:"svm" hash:"schema" doc:"how it learns: by the optimizer, by Pegasos, or passive-aggressively (PA-I, PA-II)"`
	Multiclass string     `yaml:"multiclass" enum:"one_vs_rest|crammer_singer" of:"svm" hash:"schema" doc:"how more than two classes are told apart"`
	Average    bool       `yaml:"average" of:"svm" hash:"schema" doc:"with pegasos, pa1 or pa2, predict with the average of the weights of some ten thousand latest events"`
	C          float64    `yaml:"c" of:"svm" hash:"training; schema if given" doc:"weight of the loss against the L2 penalty; for pa1 and pa2 how far one event may move the weights, left out: two at once, weighed by how they do"`
	Epsilon    float64    `yaml:"epsilon" of:"svm" hash:"training" doc:"of epsilon_insensitive: errors up to it cost nothing, in standard deviations of the label"`
	Kernel     KernelSpec `yaml:"kernel" of:"svm" doc:"kernel; rbf and laplace are approximated by random Fourier features, polynomial is view: pairs"`

	Grace    int     `yaml:"grace" of:"tree|forest" hash:"training" doc:"events that a leaf sees between attempts to split"`
	Delta    float64 `yaml:"delta" of:"tree|forest" hash:"training" doc:"probability that a split is not the best one"`
	Tau      float64 `yaml:"tau" of:"tree|forest" hash:"training" doc:"Hoeffding bound below which a tie is split"`
	Leaf     string  `yaml:"leaf" enum:"majority|naive_bayes|adaptive|mean|linear" of:"tree|forest" hash:"schema" doc:"what a leaf predicts: for classes the majority, by naive Bayes or the better of both (adaptive); for numbers the mean, by a linear model or the better of both (adaptive)"`
	Observer string  `yaml:"observer" enum:"gaussian|histogram" of:"tree|forest" hash:"schema" doc:"how a leaf remembers the values of a number"`
	Drift    string  `yaml:"drift" enum:"none|adwin" of:"tree|forest" hash:"schema" doc:"replace what errs more than before (ADWIN): branches of a tree, trees of a forest"`
	Depth    int     `yaml:"depth" of:"tree|forest" hash:"schema" doc:"largest depth of a tree"`
	Leaves   int     `yaml:"leaves" of:"tree|forest" hash:"schema" doc:"most leaves of a tree that learn how to split; the least promising wait"`
	Trees    int     `yaml:"trees" of:"forest" hash:"schema" doc:"trees"`
	Subspace int     `yaml:"subspace" of:"forest" hash:"schema" doc:"features that a leaf looks at; √features + 1 by default for classes, all for numbers"`
	Lambda   float64 `yaml:"lambda" of:"forest" hash:"training" doc:"mean of the Poisson weights of online bagging"`

	Budget   string         `yaml:"budget" also:"number" of:"auto" hash:"schema" doc:"most that learning costs, in units of one 64-64 mlp on the same features, as 4x; trees may cost half as much on top"`
	StateMax millrace.Bytes `yaml:"state_max" of:"auto" hash:"schema" doc:"most state that its experts hold, and so what a version of the pipeline takes; 64MiB by default"`
	Pin      string         `yaml:"pin" also:"number" of:"auto" hash:"none" doc:"name or id of the one expert that predicts, instead of the mixture, from when it is there; none lifts a pin that a snapshot has"`

	// Calibrate is done around the model, by package calibration; no family reads it.
	Calibrate string `yaml:"calibrate" enum:"auto|none|platt|beta|isotonic" hash:"kept" doc:"of classes, how probabilities are brought to the shares that events have, while learning: by a line in log-odds (platt), in both logarithms (beta), by steps (isotonic), by whichever of these and none has done best (auto), or not at all"`

	Seed uint64 `yaml:"seed" hash:"training" doc:"seed of all randomness"`
}

// LayerSpec is one hidden layer; a bare number is its units.
type LayerSpec struct {
	Units      int    `yaml:"units,short" hash:"schema" doc:"units of the layer"`
	Activation string `yaml:"activation" enum:"relu|tanh|sigmoid|identity" hash:"schema" doc:"activation; the model's by default"`
}

// OptimizerSpec describes an update rule; `optimizer: adam` is short for `{type: adam}`.
type OptimizerSpec struct {
	Type     string       `yaml:"type,short" enum:"sgd|adagrad|rmsprop|adam|amsgrad|adadelta|ftrl|normalized|normalized_adaptive|importance_aware|cocob" hash:"training; schema if type=normalized_adaptive" doc:"update rule"`
	Rate     float64      `yaml:"rate" hash:"training" doc:"learning rate; cocob needs none"`
	Momentum float64      `yaml:"momentum" of:"sgd" hash:"training" doc:"momentum"`
	Nesterov bool         `yaml:"nesterov" of:"sgd if momentum" hash:"training" doc:"Nesterov's momentum"`
	Beta     float64      `yaml:"beta" of:"ftrl" hash:"training" doc:"β, which holds the first steps back"`
	Beta1    float64      `yaml:"beta1" of:"adam|amsgrad" hash:"training" doc:"decay of the first moment"`
	Beta2    float64      `yaml:"beta2" of:"adam|amsgrad" hash:"training" doc:"decay of the second moment"`
	Rho      float64      `yaml:"rho" of:"rmsprop|adadelta" hash:"training" doc:"decay of the squared gradient"`
	Epsilon  float64      `yaml:"epsilon" of:"adagrad|rmsprop|adam|amsgrad|adadelta|normalized_adaptive" hash:"training" doc:"added to the denominator"`
	Schedule ScheduleSpec `yaml:"schedule" doc:"how the rate changes with updates"`
}

// ScheduleSpec describes how a learning rate changes with the update count t; a bare word is its type.
type ScheduleSpec struct {
	Type  string  `yaml:"type,short" enum:"constant|inverse_time|adaptive" hash:"training" doc:"constant, inverse_time: rate / (1 + decay·t)^power, or adaptive (sgd and adagrad, for logistic and linear): from the rate on, larger while steps agree, smaller while they undo each other; sums of adagrad then fade, and it never ceases to follow"`
	Decay float64 `yaml:"decay" of:"inverse_time" hash:"training" doc:"decay an update"`
	Power float64 `yaml:"power" of:"inverse_time" hash:"training" doc:"exponent, 1 by default"`
}

// KernelSpec describes a kernel; a bare word is its type.
type KernelSpec struct {
	Type     string  `yaml:"type,short" enum:"linear|rbf|laplace|polynomial" hash:"schema" doc:"kernel"`
	Features int     `yaml:"features" of:"rbf|laplace" hash:"schema" doc:"random Fourier features, 512 by default"`
	Gamma    float64 `yaml:"gamma" of:"rbf|laplace" hash:"schema" doc:"inverse width; 1/columns by default, of a sparse view the columns that an event can have"`
}

// TargetSpec says what is predicted: one of Classes classes, or, when Classes is 0, a number.
type TargetSpec struct {
	Classes int
	// Delayed is that targets may be Assumed and Corrected, of two classes; see Delayed.
	Delayed bool
}
