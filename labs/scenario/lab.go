package scenario

import (
	"cmp"
	"slices"

	"rawlab/labs"
	"rawlab/labs/report"
)

// Plain are the options of a lab with runs of its own, where its file says
// nothing: a wire that does nothing to anybody.
var Plain = labs.Options{Events: 1_000, Size: 128, Pace: 500, Seed: 1}

// Base is the lab that the file starts from, with what the file says of it in
// place of what that lab does. A file with runs of its own starts from one
// that has none, see [File.Lab].
func (f *File) Base() (*labs.Lab, error) {
	base := &labs.Lab{Defaults: Plain, Takes: append([]string{"emitters", "subscribers", "own-hosts"}, slices.DeleteFunc(slices.Clone(labs.Loss.Takes), func(o string) bool { return o == "transport" })...)}
	if f.From != "" {
		var err error
		if base, err = labs.Find(f.From); err != nil {
			return nil, err
		}
	}
	l := *base
	l.Name = f.Name
	l.Question, l.Varies = cmp.Or(f.Question, l.Question), cmp.Or(f.Varies, l.Varies)
	l.Held, l.Expect = cmp.Or(f.Held, l.Held), cmp.Or(f.Expect, l.Expect)
	if len(f.Next) > 0 {
		l.Next = f.Next
	}
	if len(f.Reading) > 0 {
		l.Reading = f.Reading
	}
	if p := f.Predict; p != nil {
		l.Predict = labs.Prediction{Ask: p.Ask, Unit: p.Unit, Answer: func(r *report.Result) float64 {
			v, err := p.answer(f.measured(r))
			if err != nil {
				return 0 // Judge has said why, or nothing was delivered
			}
			return v
		}}
	}
	return &l, nil
}

// Lab is the lab that the file describes, given its base and of each of its
// own runs the options and the topics.
func (f *File) Lab(base *labs.Lab, trials []labs.Trial) *labs.Lab {
	if f.From != "" {
		return base.Judged(f.Judge)
	}
	for i := range trials {
		trials[i].Transport, trials[i].Variant = f.Runs[i].Transport, f.Runs[i].Name
	}
	return labs.Compose(base, trials, f.Judge)
}

// Find returns where an option stands that holds for a topic of a run, as
// [File.Said] has them; false if the file does not have it.
func (f *File) Find(option string, run, topic int) (Place, bool) {
	for _, o := range f.Said(run, topic) {
		if o.Name == option {
			return o.At, true
		}
	}
	return Place{}, false
}

// Again is the file with the options that its lab was run with, so that it
// makes the same run again wherever it is read.
func (f *File) Again(l *labs.Lab, o *labs.Options) *File {
	again := *f
	again.Backend = o.Backend
	words := l.Words(o)
	if f.From != "" {
		again.Options = nil
	} else { // runs have words of their own for the wire, which stand on those of all
		again.Options = slices.Clone(f.Options)
		words = slices.DeleteFunc(words, func(w labs.Word) bool { return w.Name == "up" || w.Name == "down" })
	}
	for _, w := range words {
		again.Set(w.Name, w.Value)
	}
	return &again
}
