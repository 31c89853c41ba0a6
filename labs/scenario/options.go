package scenario

import (
	"slices"
	"strings"

	"rawlab/labs"
)

// section is a part of a file that holds options.
type section struct {
	key     string
	options []string          // by their keys in the file
	flags   map[string]string // their names on the command line, where those differ
	runs    bool              // a run may have its own
}

// sections are the places of all options. What no other section has, the
// traffic has.
var sections = []section{
	{key: "hosts", options: []string{"backend", "own-hosts", "ipv6", "tcp-info", "kernel-reasons"}},
	{
		key: "link", runs: true,
		options: []string{"loss", "delay", "jitter", "distribution", "reorder", "duplicate", "corrupt", "rate", "queue", "aqm", "to-server", "to-client", "schedule", "rules"},
		flags:   map[string]string{"to-server": "up", "to-client": "down", "rules": "rule"},
	},
	{key: "traffic", runs: true, options: trafficOptions()},
}

// trafficOptions are the options of the catalogue's labs that are neither the
// hosts' nor the link's.
func trafficOptions() []string {
	elsewhere := []string{
		"seed", "ipv6", "tcp-info", "kernel-reasons", "loss", "delay", "jitter", "distribution", "reorder", "duplicate",
		"corrupt", "rate", "queue", "aqm", "up", "down", "schedule", "rule",
	}
	list := []string{"emitters", "subscribers", "topics"}
	for _, l := range labs.Catalog {
		for _, o := range l.Takes {
			if !slices.Contains(elsewhere, o) && !slices.Contains(list, o) {
				list = append(list, o)
			}
		}
	}
	return list
}

// flag is an option's name on the command line.
func (s *section) flag(key string) string {
	if f, ok := s.flags[key]; ok {
		return f
	}
	return key
}

// sectionOf finds the section that has a key; nil if none has.
func sectionOf(key string) *section {
	for i := range sections {
		if slices.Contains(sections[i].options, key) {
			return &sections[i]
		}
	}
	return nil
}

// place returns the section and the key of an option of the command line.
func place(flag string) (s *section, key string) {
	for i := range sections {
		for _, key := range sections[i].options {
			if sections[i].flag(key) == flag {
				return &sections[i], key
			}
		}
	}
	return nil, ""
}

// option reads one option. A schedule may be a list of its phases, and rules
// are several.
func (s *section) option(f *field) (Option, error) {
	o := Option{Name: s.flag(f.key), At: f.value.at()}
	most := 1
	switch f.key {
	case "schedule":
		most = 1000
	case "rules":
		most = maxLines
	}
	if most == 1 {
		text, err := f.text()
		o.Values = []string{text}
		return o, err
	}
	texts, err := f.texts(most)
	if err != nil {
		return o, err
	}
	if len(texts) == 0 {
		return o, f.value.at().refuse("%s: an empty list; leave it out", f.key)
	}
	if o.Values = texts; f.key == "schedule" {
		o.Values = []string{strings.Join(texts, "; ")}
	}
	return o, nil
}
