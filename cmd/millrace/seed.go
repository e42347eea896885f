package main

import (
	"errors"
	"strconv"

	"millrace/config"
)

// seedFlag is --seed: it knows whether it was given, as every number is a seed.
type seedFlag struct {
	seed uint64
	set  bool
}

// String is the seed as it was given.
func (f *seedFlag) String() string {
	if !f.set {
		return ""
	}
	return strconv.FormatUint(f.seed, 10)
}

// Set reads the flag.
func (f *seedFlag) Set(text string) error {
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return errors.New("a seed is a whole number, 0 or larger")
	}
	f.seed, f.set = seed, true
	return nil
}

// Type is what help calls the flag's value.
func (f *seedFlag) Type() string { return "N" }

// apply puts the seed in place of the pipeline's.
func (f *seedFlag) apply(p *config.Pipeline) {
	if f.set {
		p.Model.Seed = f.seed
	}
}
