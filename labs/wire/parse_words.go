package wire

import (
	"strconv"
	"strings"
)

// vocabulary is what an impairment may be made of.
var vocabulary = map[string]func(*parser, *Impairment) error{
	"loss":         (*parser).loss,
	"delay":        (*parser).delay,
	"distribution": (*parser).distribution,
	"reorder":      (*parser).reorder,
	"duplicate":    func(p *parser, i *Impairment) (err error) { i.Duplicate, err = p.share(); return err },
	"corrupt":      (*parser).corrupt,
	"rate":         (*parser).rate,
	"queue":        (*parser).queue,
	"limit":        (*parser).queue, // netem's
	"aqm":          (*parser).aqm,
	"down":         func(_ *parser, i *Impairment) error { i.Down = true; return nil },
	"up":           func(_ *parser, i *Impairment) error { i.Down = false; return nil },
	noneWord:       func(_ *parser, i *Impairment) error { *i = Impairment{}; return nil },
}

// change reads words to the end of the part into an impairment.
func (p *parser) change(i *Impairment) error {
	for len(p.words) > 0 {
		w, _ := p.next("")
		read, ok := vocabulary[w.text]
		if !ok {
			return p.refuse(w.at, "want loss, delay, distribution, reorder, duplicate, corrupt, rate, queue, aqm, down, up or none")
		}
		if err := read(p, i); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) loss(i *Impairment) (err error) {
	i.Loss, i.Burst = 0, Gilbert{}
	if !p.follows("gemodel") {
		p.follows("random")
		i.Loss, err = p.share()
		return err
	}
	g := &i.Burst
	if g.P, err = p.share(); err != nil {
		return err
	}
	g.R, g.BadLoss = 1-g.P, 1 // netem's where not given
	for _, to := range []*float64{&g.R, &g.BadLoss, &g.GoodLoss} {
		if !p.number() {
			return nil
		}
		if *to, err = p.share(); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) delay(i *Impairment) (err error) {
	i.Jitter, i.Distribution = 0, Uniform
	if i.Delay, err = p.time(); err != nil || !p.number() {
		return err
	}
	i.Jitter, err = p.time()
	return err
}

func (p *parser) distribution(i *Impairment) error {
	n, err := p.oneOf("uniform", "normal", "pareto", "paretonormal")
	i.Distribution = Distribution(n)
	return err
}

func (p *parser) reorder(i *Impairment) (err error) {
	i.Gap = 0
	if i.Reorder, err = p.share(); err != nil || !p.follows("gap") {
		return err
	}
	w, err := p.next("a gap in packets")
	if err != nil {
		return err
	}
	if i.Gap, err = strconv.Atoi(w.text); err != nil || i.Gap < 1 {
		return p.refuse(w.at, "want a gap in packets, at least 1")
	}
	return nil
}

func (p *parser) corrupt(i *Impairment) (err error) {
	i.Layer = AnyLayer
	if i.Corrupt, err = p.share(); err != nil {
		return err
	}
	for l := range layers {
		if p.follows(l.String()) {
			i.Layer = l
		}
	}
	return nil
}

func (p *parser) rate(i *Impairment) error {
	w, err := p.next("a rate such as 10Mbit")
	if err != nil {
		return err
	}
	if i.Rate, err = ParseRate(w.text); err != nil {
		return p.refuse(w.at, "%v", err)
	}
	return nil
}

func (p *parser) queue(i *Impairment) error {
	w, err := p.next("packets such as 100, or bytes such as 64kb")
	if err != nil {
		return err
	}
	if i.Queue, i.QueueBytes, err = ParseQueue(w.text); err != nil {
		return p.refuse(w.at, "%v", err)
	}
	return nil
}

func (p *parser) aqm(i *Impairment) error {
	n, err := p.oneOf("taildrop", "codel")
	i.AQM = AQM(n)
	return err
}

// oneOf takes one of some words and returns which.
func (p *parser) oneOf(words ...string) (int, error) {
	want := "want " + strings.Join(words, ", ")
	w, err := p.next(strings.Join(words, ", "))
	if err != nil {
		return 0, err
	}
	for n, text := range words {
		if w.text == text {
			return n, nil
		}
	}
	return 0, p.refuse(w.at, "%s", want)
}
