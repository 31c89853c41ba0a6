package scenario

import (
	"cmp"
	"slices"

	"go.yaml.in/yaml/v4"

	"rawlab/udpq"
)

// runs reads what runs side by side.
func (f *File) runs(k *field) error {
	if k.value.Kind != yaml.SequenceNode || len(k.value.Content) == 0 {
		return k.value.at().refuse("runs: want a list, such as '- transport: udp'")
	}
	items, err := k.items(maxRuns)
	if err != nil {
		return err
	}
	for i := range items {
		r, err := readRun(&items[i])
		if err != nil {
			return err
		}
		f.Runs = append(f.Runs, r)
	}
	return nil
}

// nameRuns gives every run its name in expressions, and refuses two of the same.
func (f *File) nameRuns() error {
	for i := range f.Runs {
		r := &f.Runs[i]
		if r.Transport == "udp" {
			r.rung = cmp.Or(valueOf(r.Options, "reliability"), valueOf(f.Options, "reliability"))
		}
		if r.rung == string(udpq.ReliabilityNone) {
			r.rung = ""
		}
		if twin := slices.Index(f.names.runs, r.selector()); twin >= 0 {
			return r.At.refuse("runs: this is '%s', as the one in line %d is; give one of them another 'name:'", r.selector(), f.Runs[twin].At.Line)
		}
		f.names.runs = append(f.names.runs, r.selector())
	}
	for i := range f.Runs {
		for _, part := range f.partsOf(i) {
			selector := f.Runs[i].selector() + "/" + part
			if twin := slices.Index(f.names.runs, selector); twin >= 0 {
				return f.Runs[twin].At.refuse("runs: this is '%s', as topic '%s' of the run in line %d is; give one of them another name", selector, part, f.Runs[i].At.Line)
			}
			f.names.parts = append(f.names.parts, selector)
		}
	}
	return nil
}

// valueOf is what an option is set to; "" if it is not.
func valueOf(options []Option, name string) string {
	for i := range options {
		if options[i].Name == name {
			return options[i].Values[0]
		}
	}
	return ""
}

// readRun reads one run.
func readRun(k *field) (Run, error) {
	r := Run{At: k.at}
	fields, err := k.value.fields("a run")
	if err != nil {
		return r, err
	}
	for i := range fields {
		o := &fields[i]
		switch s := sectionOf(o.key); {
		case o.key == "transport":
			r.Transport, err = oneOf(o, []string{"tcp", "udp"})
		case o.key == "name":
			r.Name, err = name(o)
		case o.key == "topics":
			r.Topics, err = readTopics(o)
		case s == nil:
			err = o.unknown("a run", runKeys())
		case !s.runs:
			err = o.at.refuse("'%s' belongs under '%s:': it holds for all runs", o.key, s.key)
		default:
			var option Option
			option, err = s.option(o)
			r.Options = append(r.Options, option)
		}
		if err != nil {
			return r, err
		}
	}
	if r.Transport == "" {
		return r, r.At.refuse("a run without 'transport:': want tcp or udp")
	}
	if i := slices.IndexFunc(r.Options, func(o Option) bool { return o.Name == "reliability" || o.Name == "congestion" }); i >= 0 && r.Transport == "tcp" {
		return r, r.Options[i].At.refuse("'%s' is UDP's, and this run is over TCP", r.Options[i].Name)
	}
	if i := slices.IndexFunc(r.Options, func(o Option) bool { return o.Name == "cc" }); i >= 0 && r.Transport == "udp" {
		return r, r.Options[i].At.refuse("'cc' is TCP's, and this run is over UDP; 'congestion' is of UDP with ack")
	}
	return r, nil
}

// runKeys are what a run may have.
func runKeys() []string {
	keys := []string{"transport", "name"}
	for i := range sections {
		if sections[i].runs {
			keys = append(keys, sections[i].options...)
		}
	}
	return keys
}
