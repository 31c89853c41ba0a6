package scenario

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"rawlab/labs/measure"
	"rawlab/labs/report"
)

// Text is a paragraph with values in it.
type Text struct {
	text   string
	at     Place
	words  []string // between the values: one more than there are values
	values []*Value
}

// takeClaims reads what is said of the runs.
func (f *File) takeClaims(k *field) error {
	switch k.key {
	case "predict":
		return f.takePredict(k)
	case "fail-on":
		return f.takeDemands(k)
	case "checks":
		items, err := k.items(maxChecks)
		if err != nil {
			return err
		}
		for i := range items {
			c, err := f.check(&items[i])
			if err != nil {
				return err
			}
			f.Checks = append(f.Checks, c)
		}
		return nil
	}
	texts, err := k.items(maxLines)
	if err != nil {
		return err
	}
	for i := range texts {
		if err := f.takeText(&texts[i]); err != nil {
			return err
		}
	}
	return nil
}

// place of an error inside a field's text.
func (f *field) point(err error) error {
	e, ok := errors.AsType[*syntaxError](err)
	if !ok {
		return err
	}
	at := f.value.at()
	switch f.value.Style {
	case 0:
		at.Column += len([]rune(f.value.Value[:e.at]))
	case yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle:
		at.Column += 1 + len([]rune(f.value.Value[:e.at]))
	}
	return at.refuse("%s: %s", f.key, e.reason)
}

func (f *File) check(k *field) (Check, error) {
	var c Check
	that := k
	if k.value.Kind == yaml.MappingNode {
		fields, err := k.value.fields("a check")
		if err != nil {
			return c, err
		}
		that = nil
		for i := range fields {
			switch v := &fields[i]; v.key {
			case "claim":
				if c.Claim, err = v.text(); err != nil {
					return c, err
				}
			case "that":
				that = v
			default:
				return c, v.unknown("a check", []string{"claim", "that"})
			}
		}
		if that == nil {
			return c, k.at.refuse("a check without 'that:': want what has to hold, such as udp.lost <= 5%% * udp.emitted")
		}
	}
	text, err := that.text()
	if err != nil {
		return c, err
	}
	if c.That, err = parseComparison(text, f.names); err != nil {
		return c, that.point(err)
	}
	c.That.at = that.value.at()
	return c, nil
}

// predictUnits are the units of a prediction that is a time, in microseconds.
var predictUnits = map[string]float64{"us": 1, "µs": 1, "ms": 1e3, "s": 1e6}

func (f *File) takePredict(k *field) error {
	fields, err := k.value.fields("predict")
	if err != nil {
		return err
	}
	p := &Predict{}
	for i := range fields {
		switch v := &fields[i]; v.key {
		case "ask":
			p.Ask, err = v.text()
		case "unit":
			p.Unit, err = v.text()
		case "answer":
			var text string
			if text, err = v.text(); err != nil {
				return err
			}
			if p.Answer, err = parseValue(text, f.names); err != nil {
				return v.point(err)
			}
		default:
			err = v.unknown("predict", []string{"ask", "unit", "answer"})
		}
		if err != nil {
			return err
		}
	}
	switch {
	case p.Ask == "":
		return k.at.refuse("predict: no 'ask:': what is asked?")
	case p.Answer == nil:
		return k.at.refuse("predict: no 'answer:': want what was measured, such as udp.lost")
	case p.Unit == "":
		return k.at.refuse("predict: no 'unit:': of the answer, such as events, ms or %%")
	case p.Answer.kind() == measure.Time && predictUnits[p.Unit] == 0:
		return k.at.refuse("predict: unit: '%s': the answer %s is a time: want us, ms or s", clip(p.Unit), p.Answer.text)
	}
	f.Predict = p
	return nil
}

// answer is the prediction's measured value, in its unit.
func (p *Predict) answer(m *measured) (float64, error) {
	v, err := p.Answer.eval(m)
	switch {
	case err != nil:
		return 0, err
	case p.Answer.kind() == measure.Time:
		return v / predictUnits[p.Unit], nil
	case p.Unit == "%":
		return 100 * v, nil
	}
	return v, nil
}

// takeText reads paragraphs, which an empty line separates.
func (f *File) takeText(k *field) error {
	whole, err := k.text()
	if err != nil {
		return err
	}
	for paragraph := range strings.SplitSeq(whole, "\n\n") {
		paragraph = strings.TrimSpace(paragraph)
		if paragraph == "" {
			continue
		}
		if len(f.Text) == maxLines {
			return k.at.refuse("text: more than %d paragraphs", maxLines)
		}
		t, err := parseText(paragraph, f.names)
		if err != nil {
			if e, ok := errors.AsType[*syntaxError](err); ok && paragraph == whole {
				return k.point(e)
			}
			return k.value.at().refuse("text: %v", err)
		}
		t.at = k.value.at()
		f.Text = append(f.Text, t)
	}
	return nil
}

// parseText finds the values in a paragraph: {udp.lost}. Two brackets stand
// for one: {{.
func parseText(text string, known names) (Text, error) {
	t := Text{text: text, words: []string{""}}
	for at := 0; at < len(text); {
		last := &t.words[len(t.words)-1]
		switch n := strings.IndexByte(text[at:], '{'); {
		case n < 0:
			*last += text[at:]
			return t, nil
		case strings.HasPrefix(text[at+n:], "{{"):
			*last += text[at : at+n+1]
			at += n + 2
		default:
			*last += text[at : at+n]
			from := at + n + 1
			end := strings.IndexByte(text[from:], '}')
			if end < 0 {
				return t, wrong(at+n, "a '{' without its '}'; write {{ for the sign itself")
			}
			v, err := parseValue(text[from:from+end], known)
			if e, ok := errors.AsType[*syntaxError](err); ok {
				e.at += from
			}
			if err != nil {
				return t, err
			}
			t.values, t.words = append(t.values, v), append(t.words, "")
			at = from + end + 1
		}
	}
	return t, nil
}

// fill writes the paragraph with its values.
func (t *Text) fill(m *measured) (string, error) {
	var words strings.Builder
	words.WriteString(t.words[0])
	for i, v := range t.values {
		x, err := v.eval(m)
		if _, absent := errors.AsType[*absentError](err); absent {
			words.WriteString("–" + t.words[i+1])
			continue
		}
		if err != nil {
			return "", t.at.refuse("text: %v", err)
		}
		words.WriteString(write(v.kind(), x) + t.words[i+1])
	}
	return words.String(), nil
}

// Judge holds a result against the file's claims and adds its text.
func (f *File) Judge(r *report.Result) error {
	m := f.measured(r)
	for _, c := range f.Checks {
		held, words, err := c.That.hold(m)
		if _, absent := errors.AsType[*absentError](err); absent {
			held, words = false, err.Error()
		} else if err != nil {
			return c.That.at.refuse("checks: %v", err)
		}
		claim := c.Claim
		if claim == "" {
			claim = c.That.text
		} else {
			words = fmt.Sprintf("%s: %s", c.That.text, words)
		}
		r.Checks = append(r.Checks, report.Check{Claim: claim, Measured: words, Held: held})
	}
	for i := range f.Text {
		words, err := f.Text[i].fill(m)
		if err != nil {
			return err
		}
		r.Story = append(r.Story, words)
	}
	return nil
}

func (f *File) measured(r *report.Result) *measured { return &measured{r, f.names.runs} }
