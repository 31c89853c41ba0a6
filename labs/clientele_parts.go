package labs

import (
	"fmt"

	"rawlab/capture/account"
	"rawlab/labs/report"
)

// parts are the run's topics, each with its subscribers behind it.
func (c *clientele) parts(l *account.Ledger) (list []report.Part) {
	for i := range c.topics {
		t := &c.topics[i]
		whole := report.Part{Name: t.Name}
		for _, e := range c.emitters {
			if e.topic == t {
				whole.Emitters = append(whole.Emitters, e.origin)
			}
		}
		var each []report.Part
		for _, s := range c.subscribers {
			if s.topic == t {
				whole.Subscribers = append(whole.Subscribers, s.origin)
				number := len(whole.Subscribers)
				each = append(each, report.Part{Name: fmt.Sprintf("%s/%d", t.Name, number), Number: number, Emitters: whole.Emitters, Subscribers: []uint64{s.origin}})
			}
		}
		list = append(append(list, whole), each...)
	}
	for i := range list {
		list[i].Fill(l)
	}
	return list
}

// payload is how many bytes were emitted, each as often as it was due.
func (c *clientele) payload(l *account.Ledger) (n int64) {
	for i := range l.Events {
		n += int64(c.emitters[l.Events[i].ID.Origin-1].topic.Options.Size)
	}
	return n
}

// eachCheck holds every subscriber to an account of its own that balances.
func eachCheck(u *report.Run) report.Check {
	all, balanced, first := 0, 0, ""
	for i := range u.Parts {
		p := &u.Parts[i]
		if p.Number == 0 {
			continue
		}
		all++
		switch one := p.Run(u); {
		case one.Balances():
			balanced++
		case first == "":
			first = fmt.Sprintf("; %s: %d due, %d delivered, %d unexplained", p.Name, p.Emitted, p.Delivered, p.Unexplained)
		}
	}
	return check(balanced == all, u.Name()+": the account of each subscriber balances by itself", "%d of %d%s", balanced, all, first)
}

// copies says what of the copies of one event does not repeat where several
// subscribers share a kernel host: they leave the server at the same moment.
func (c *clientele) copies(l *account.Ledger) string {
	for i := range c.topics {
		if c.topics[i].Options.subscribers() > 1 && l.LostOn[account.ToSubscriber] > 0 {
			return "how many copies of an event the wire takes repeats; which of its subscribers they were for does not, since all are on one host and their copies leave at the same moment"
		}
	}
	return ""
}

// topicNames are those of the emitters, by origin.
func (c *clientele) topicNames() map[uint64]string {
	names := map[uint64]string{}
	for _, e := range c.emitters {
		names[e.origin] = e.topic.Name
	}
	return names
}
