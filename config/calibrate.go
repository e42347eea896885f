package config

import (
	"millrace/model"
	"millrace/model/calibration"
)

// Calibration is the method by which the model's probabilities are calibrated; empty for numbers. Where the file does
// not say, they are not where class weights are meant to move them, nor those of logistic models, whose time would
// double.
func (p *Pipeline) Calibration() string {
	switch {
	case p.Target().Classes == 0:
		return ""
	case p.Model.Calibrate != "":
		return p.Model.Calibrate
	case p.Model.Type == model.FamilyLogistic || p.Label.MovesLosses():
		return calibration.None
	}
	return calibration.Auto
}

// checkCalibration refuses what would take back what was asked for.
func (c *checker) checkCalibration() {
	by := c.pipeline.Model.Calibrate
	if by == "" || by == calibration.None {
		return
	}
	switch {
	case c.pipeline.Target().Classes == 0:
		c.flag("model.calibrate", "has an effect only with a label of classes: numbers have no probabilities")
	case c.pipeline.Label.MovesLosses():
		c.flag("model.calibrate", "found "+by+", which would undo what class_weights do to the probabilities; write none, or label.class_weights.probabilities: corrected")
	}
}
