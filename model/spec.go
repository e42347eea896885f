package model

// Spec describes a model in a pipeline file. `model: logistic` is short for `model: {type: logistic}`.
// Fields left at zero take the family's default, see Resolve.
type Spec struct {
	Type       string        `yaml:"type,short" enum:"logistic|linear|svm|mlp" doc:"family: logistic (classes; softmax for more than two), linear (numbers), svm (classes, hinge one-vs-rest), mlp (classes or numbers)"`
	Hidden     []int         `yaml:"hidden" doc:"mlp: units of each hidden layer, short for layers"`
	Layers     []LayerSpec   `yaml:"layers" doc:"mlp: the hidden layers, first to last; the output layer follows from the label"`
	Activation string        `yaml:"activation" enum:"relu|tanh|sigmoid|identity" doc:"mlp: activation of the hidden layers"`
	Init       string        `yaml:"init" enum:"uniform|he|glorot" doc:"mlp: initial weights; uniform is U(±1/√fan-in) with biases"`
	Loss       string        `yaml:"loss" enum:"cross_entropy|squared|huber|hinge" doc:"loss; by default cross_entropy for classes, squared for numbers, hinge for svm"`
	HuberDelta float64       `yaml:"huber_delta" doc:"huber: where squared loss becomes absolute, in standard deviations of the label"`
	Optimizer  OptimizerSpec `yaml:"optimizer" doc:"how the weights follow the gradient"`
	C          float64       `yaml:"c" doc:"svm: weight of the hinge loss against the L2 penalty"`
	L1         float64       `yaml:"l1" doc:"L1 penalty on the weights, not the biases"`
	L2         float64       `yaml:"l2" doc:"L2 penalty on the weights, not the biases"`
	Clip       float64       `yaml:"clip" doc:"largest global norm of a gradient; 0 is no clipping"`
	Batch      int           `yaml:"batch" doc:"events an update averages over"`
	Seed       uint64        `yaml:"seed" doc:"seed of all randomness"`
}

// LayerSpec is one hidden layer; a bare number is its units.
type LayerSpec struct {
	Units      int    `yaml:"units,short" doc:"units of the layer"`
	Activation string `yaml:"activation" enum:"relu|tanh|sigmoid|identity" doc:"activation; the model's by default"`
}

// OptimizerSpec describes an update rule; `optimizer: adam` is short for `{type: adam}`.
type OptimizerSpec struct {
	Type     string       `yaml:"type,short" enum:"sgd|adagrad|rmsprop|adam" doc:"update rule"`
	Rate     float64      `yaml:"rate" doc:"learning rate"`
	Momentum float64      `yaml:"momentum" doc:"sgd: momentum"`
	Nesterov bool         `yaml:"nesterov" doc:"sgd: Nesterov's momentum"`
	Beta1    float64      `yaml:"beta1" doc:"adam: decay of the first moment"`
	Beta2    float64      `yaml:"beta2" doc:"adam: decay of the second moment"`
	Rho      float64      `yaml:"rho" doc:"rmsprop: decay of the squared gradient"`
	Epsilon  float64      `yaml:"epsilon" doc:"added to the denominator"`
	Schedule ScheduleSpec `yaml:"schedule" doc:"how the rate changes with updates"`
}

// ScheduleSpec describes how a learning rate changes with the update count t; a bare word is its type.
type ScheduleSpec struct {
	Type  string  `yaml:"type,short" enum:"constant|inverse_time" doc:"constant, or inverse_time: rate / (1 + decay·t)^power"`
	Decay float64 `yaml:"decay" doc:"inverse_time: decay an update"`
	Power float64 `yaml:"power" doc:"inverse_time: exponent, 1 by default"`
}

// TargetSpec says what is predicted: one of Classes classes, or, when Classes is 0, a number.
type TargetSpec struct {
	Classes int
}
