package command

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// listable are the options that take several values, over which a lab then
// runs: numbers, then words.
var listable = []string{
	"events", "emitters", "subscribers", "size", "pace", "loss", "delay", "jitter", "reorder", "duplicate", "corrupt", "rate", "queue", "reader-delay", "rcvbuf",
	"transport", "reliability", "congestion", "cc", "fragments", "distribution", "aqm",
}

// listValue is a flag that takes one value or several, with commas between.
// It has the first, until another is chosen.
type listValue struct {
	pflag.Value
	name   string
	values []string
	lists  *[]*listValue // those with several, as they were given
}

// makeListable lets the flags take several values.
func makeListable(s *pflag.FlagSet, lists *[]*listValue) {
	for _, name := range listable {
		f := s.Lookup(name)
		f.Value = &listValue{Value: f.Value, name: name, lists: lists}
	}
}

func (v *listValue) Set(s string) error {
	values, err := splitList(s)
	if err != nil {
		return err
	}
	for _, one := range values {
		if err := v.Value.Set(one); err != nil {
			return err
		}
	}
	v.values = values
	*v.lists = slices.DeleteFunc(*v.lists, func(l *listValue) bool { return l == v })
	if len(values) > 1 {
		*v.lists = append(*v.lists, v)
	}
	return v.Value.Set(values[0])
}

// splitList takes a list apart. The unit behind the last value is that of
// bare numbers before it: 0,1,5% is 0%,1%,5%.
func splitList(s string) ([]string, error) {
	values := strings.Split(s, ",")
	if len(values) == 1 {
		return values, nil
	}
	last := strings.TrimSpace(values[len(values)-1])
	unit := last[len(strings.TrimRight(last, "%abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZµ/")):]
	if !isNumber(strings.TrimSuffix(last, unit)) {
		unit = ""
	}
	seen := map[string]bool{}
	for i, v := range values {
		if v = strings.TrimSpace(v); isNumber(v) {
			v += unit
		}
		switch {
		case v == "":
			return nil, errors.New("want a value on either side of each comma")
		case seen[v]:
			return nil, fmt.Errorf("%s is there twice", v)
		}
		seen[v], values[i] = true, v
	}
	return values, nil
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}
