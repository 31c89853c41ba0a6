package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"

	"rawlab/labs"
)

// Topic is one topic of the traffic, with clients of its own.
type Topic struct {
	Name    string
	Options []Option // of its clients alone
	At      Place
}

// topicOptions are what a topic may have of its own.
var topicOptions = []string{"emitters", "subscribers", "events", "size", "pace", "reader-delay", "rcvbuf"}

// maxTopics bounds a run's.
const maxTopics = 16

// readTopics reads a list of topics.
func readTopics(k *field) ([]Topic, error) {
	if k.value.Kind != yaml.SequenceNode || len(k.value.Content) == 0 {
		return nil, k.value.at().refuse("topics: want a list, such as '- topic: chat'")
	}
	items, err := k.items(maxTopics)
	if err != nil {
		return nil, err
	}
	var list []Topic
	for i := range items {
		t, err := readTopic(&items[i])
		if err != nil {
			return nil, err
		}
		if twin := slices.IndexFunc(list, func(o Topic) bool { return o.Name == t.Name }); twin >= 0 {
			return nil, t.At.refuse("topics: '%s' is there twice, in line %d too; 'emitters:' and 'subscribers:' say how many clients a topic has", t.Name, list[twin].At.Line)
		}
		list = append(list, t)
	}
	return list, nil
}

func readTopic(k *field) (Topic, error) {
	t := Topic{At: k.at}
	fields, err := k.value.fields("a topic")
	if err != nil {
		return t, err
	}
	traffic := sectionOf("events")
	for i := range fields {
		o := &fields[i]
		switch {
		case o.key == "topic":
			t.Name, err = name(o)
		case slices.Contains(topicOptions, o.key):
			var option Option
			option, err = traffic.option(o)
			t.Options = append(t.Options, option)
		case sectionOf(o.key) == traffic:
			err = o.at.refuse("'%s' belongs under 'traffic:' or to a run: all topics of a run share it", o.key)
		case sectionOf(o.key) != nil:
			err = o.at.refuse("'%s' belongs under '%s:': topics share the wire", o.key, sectionOf(o.key).key)
		default:
			err = o.unknown("a topic", append([]string{"topic"}, topicOptions...))
		}
		if err != nil {
			return t, err
		}
	}
	if t.Name == "" {
		return t, t.At.refuse("a topic without 'topic:': want its name, such as chat")
	}
	return t, nil
}

// TopicsOf are those of a run; none: it has one, without a name.
func (f *File) TopicsOf(run int) []Topic {
	if own := f.Runs[run].Topics; own != nil {
		return own
	}
	return f.Topics
}

// Said are the options that hold for a topic of a run, with -1 for all of
// its topics, or for all runs. What is said of less comes in place of what is
// said of more.
func (f *File) Said(run, topic int) []Option {
	said := slices.Clone(f.Options)
	own := func(options []Option) {
		for _, o := range options {
			said = slices.DeleteFunc(said, func(other Option) bool { return other.Name == o.Name })
			said = append(said, o)
		}
	}
	if run >= 0 {
		own(f.Runs[run].Options)
		if topic >= 0 {
			own(f.TopicsOf(run)[topic].Options)
		}
	}
	return said
}

// partsOf names a run's topics, and the subscribers of each, as expressions
// have them.
func (f *File) partsOf(run int) (list []string) {
	add := func(topic string, said []Option) {
		list = append(list, topic)
		subscribers, err := strconv.Atoi(cmp.Or(valueOf(said, "subscribers"), "1"))
		if err != nil || subscribers < 1 || subscribers > labs.MaxClients {
			subscribers = labs.MaxClients // who reads the option refuses it
		}
		for n := range subscribers {
			list = append(list, fmt.Sprintf("%s/%d", topic, n+1))
		}
	}
	topics := f.TopicsOf(run)
	for i := range topics {
		add(topics[i].Name, f.Said(run, i))
	}
	said := f.Said(run, -1)
	if topics == nil && (several(valueOf(said, "emitters")) || several(valueOf(said, "subscribers"))) {
		add(labs.Topicless, said)
	}
	return list
}

func several(n string) bool { return n != "" && n != "1" }

// writeTopics writes a list of topics.
func writeTopics(to *yaml.Node, topics []Topic) {
	if len(topics) == 0 {
		return
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range topics {
		n := &yaml.Node{Kind: yaml.MappingNode}
		add(n, "topic", scalar(topics[i].Name))
		writeOptions(n, topics[i].Options, sectionOf("events"), nil)
		list.Content = append(list.Content, n)
	}
	add(to, "topics", list)
}
