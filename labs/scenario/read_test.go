package scenario_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"rawlab/labs"
	"rawlab/labs/report"
	"rawlab/labs/scenario"
)

const udp = "question: q\nruns:\n- transport: udp\n"

// refusals are files that cannot be, and what is said of each.
var refusals = map[string]struct{ text, want string }{
	"nothing":      {"# nothing\n", "x.yaml:1: nothing but comments; 'rawlab lab new NAME' writes a lab to start from"},
	"no mapping":   {"just words", "x.yaml:1:1: a lab: want keys with values, such as 'loss: 5%', a line each"},
	"unknown key":  {udp + "chekcs: []\n", "x.yaml:4:1: 'chekcs' is no key of a lab; the nearest is 'checks'"},
	"twice":        {udp + "seed: 1\nseed: 2\n", "x.yaml:5:1: 'seed' is there twice"},
	"other place":  {udp + "loss: 5%\n", "x.yaml:4:1: 'loss' belongs under 'link:'"},
	"other part":   {udp + "traffic:\n  loss: 5%\n", "x.yaml:5:3: 'loss' belongs under 'link:', not 'traffic:'"},
	"option":       {udp + "link:\n  dealy: 5ms\n", "x.yaml:5:3: 'dealy' is no key of 'link'; the nearest is 'delay'"},
	"list":         {udp + "link:\n  loss: [1%, 2%]\n", "x.yaml:5:9: loss: want one value; put words with a colon or a # sign between quotes"},
	"no value":     {udp + "link:\n  loss:\n", "x.yaml:5:8: loss: want one value; put words with a colon or a # sign between quotes"},
	"hosts":        {udp + "hosts: {backend: cloud}\n", "x.yaml:4:18: backend: 'cloud' is none of auto, kernel, virtual; the nearest is 'auto'"},
	"from":         {"from: lost\n", "x.yaml:1:7: from: 'lost' is none of " + catalogue() + "; the nearest is 'loss'"},
	"both":         {"from: loss\n" + udp, "x.yaml:4:3: 'runs' beside 'from': lab loss has runs of its own; leave out one or the other"},
	"neither":      {"question: q\n", "x.yaml:1: neither 'runs:' nor 'from:': want runs, such as '- transport: udp', or the name of a lab that this one starts from"},
	"no question":  {"runs:\n- transport: udp\n", "x.yaml:1: no 'question:': what does this lab ask?"},
	"name":         {"lab: My Lab\n" + udp, "x.yaml:1:6: lab: 'My Lab': want letters a to z, digits and dashes, 40 at most, such as bad-evening"},
	"no list":      {"question: q\nruns: tcp\n", "x.yaml:2:7: runs: want a list, such as '- transport: udp'"},
	"transport":    {"question: q\nruns:\n- transport: sctp\n", "x.yaml:3:14: transport: 'sctp' is none of tcp, udp; the nearest is 'tcp'"},
	"no transport": {"question: q\nruns:\n- name: a\n", "x.yaml:3:3: a run without 'transport:': want tcp or udp"},
	"run key":      {udp + "  los: 3%\n", "x.yaml:4:3: 'los' is no key of a run; the nearest is 'loss'"},
	"run hosts":    {udp + "  ipv6: true\n", "x.yaml:4:3: 'ipv6' belongs under 'hosts:': it holds for all runs"},
	"rung of TCP":  {"question: q\nruns:\n- {transport: tcp, reliability: ack}\n", "x.yaml:3:33: 'reliability' is UDP's, and this run is over TCP"},
	"same run":     {udp + "- {transport: udp, loss: 3%}\n", "x.yaml:4:3: runs: this is 'udp', as the one in line 3 is; give one of them another 'name:'"},
	"too many":     {"question: q\nruns:\n" + strings.Repeat("- transport: udp\n", 17), "x.yaml:2:1: runs: 17 of them, must be at most 16"},
	"no YAML":      {udp + "text: udp: lost\n", "x.yaml:4:10: this is no YAML: mapping values are not allowed in this context; words with a colon and a space, or that begin with a sign such as % or {, need quotes: 'udp: loss 3%'"},
	"tab":          {"question: q\n\truns: a\n", "x.yaml:2:1: this is no YAML: found a tab character that violates indentation"},
	"documents":    {udp + "---\nlab: b\n", "x.yaml:4:1: a second document; a file holds one lab"},
	"anchor":       {udp + "text: &a words\n", "x.yaml:4:7: &a: an anchor; a lab has none, write out what is meant each time"},
	"tag":          {udp + "text: !!binary aGk=\n", "x.yaml:4:7: !!binary: a tag; a lab has none"},
	"run in check": {udp + "checks:\n- upd.lost == 0\n", "x.yaml:5:3: checks: no run is called 'upd'; the nearest is 'udp'"},
	"fail-on":      {udp + "fail-on:\n- udp.lost>1%\n- upd.lost>1%\n", "x.yaml:6:3: fail-on: \"upd.lost>1%\": transport \"upd\" is not known; the nearest is \"udp\"; there are: tcp, udp"},
	"fail-on unit": {udp + "fail-on: udp.lost>1kg\n", "x.yaml:4:10: fail-on: \"udp.lost>1kg\": \"1kg\": lost wants a number, or a share such as 1%"},
	"fail-on run":  {udp + "fail-on: [udp/ack.lost>1%]\n", "x.yaml:4:11: fail-on: \"udp/ack.lost>1%\": run of lab x \"udp/ack\" is not known; the nearest is \"udp\"; there are: udp"},
	"fail-on lab":  {udp + "fail-on: loss:udp.lost>1%\n", "x.yaml:4:10: fail-on: \"loss:udp.lost>1%\" is about lab loss, and this is x: leave 'loss:' out"},
	"fail-on list": {udp + "fail-on: {udp.lost: 1%}\n", "x.yaml:4:10: fail-on: want one value; put words with a colon or a # sign between quotes"},
	"topics":       {udp + "traffic:\n  topics: chat\n", "x.yaml:5:11: topics: want a list, such as '- topic: chat'"},
	"topic name":   {udp + "traffic:\n  topics: [{size: 3}]\n", "x.yaml:5:12: a topic without 'topic:': want its name, such as chat"},
	"topic key":    {udp + "traffic:\n  topics: [{topic: a, emiters: 3}]\n", "x.yaml:5:23: 'emiters' is no key of a topic; the nearest is 'emitters'"},
	"topic link":   {udp + "traffic:\n  topics: [{topic: a, loss: 3%}]\n", "x.yaml:5:23: 'loss' belongs under 'link:': topics share the wire"},
	"topic rung":   {udp + "traffic:\n  topics: [{topic: a, reliability: ack}]\n", "x.yaml:5:23: 'reliability' belongs under 'traffic:' or to a run: all topics of a run share it"},
	"topic twice":  {udp + "traffic:\n  topics:\n  - topic: a\n  - topic: a\n", "x.yaml:7:5: topics: 'a' is there twice, in line 6 too; 'emitters:' and 'subscribers:' say how many clients a topic has"},
	"topic place":  {udp + "topics: [{topic: a}]\n", "x.yaml:4:1: 'topics' belongs under 'traffic:'"},
	"topic from":   {"from: loss\ntraffic:\n  topics: [{topic: a}]\n", "x.yaml:3:12: 'topics' beside 'from': lab loss has traffic of its own; leave out one or the other"},
	"topic run":    {udp + "- {transport: udp, name: a}\ntraffic: {topics: [{topic: a}]}\n", "x.yaml:4:3: runs: this is 'udp/a', as topic 'a' of the run in line 3 is; give one of them another name"},
	"topic unit":   {udp + "traffic: {subscribers: 3}\nchecks: [udp/lab/3.lost == 0, udp/lab/4.lost == 0]\n", "x.yaml:5:31: checks: no run is called 'udp/lab/4'; the nearest is 'udp/lab/1'"},
	"part measure": {udp + "traffic: {topics: [{topic: a}]}\nchecks: [udp/a.packets == 0]\n", "x.yaml:5:16: checks: 'packets' is of a whole run, not of a topic or a subscriber of it"},
	"part demand":  {udp + "traffic: {topics: [{topic: a}]}\nfail-on: [udp/a.packets>0]\n", "x.yaml:5:11: fail-on: \"udp/a.packets>0\": packets is of a whole run, not of a topic or a subscriber of it"},
	"figure":       {udp + "checks:\n- that: \"udp.losst == 0\"\n", "x.yaml:5:14: that: 'losst' is no measure of a run; the nearest is 'lost'"},
	"share":        {udp + "checks:\n- udp.packets < 5%\n", "x.yaml:5:17: checks: a share is compared with what is none: say of what it is one, as in 5% * udp.emitted"},
	"share of":     {udp + "checks:\n- udp.packets% < 5%\n", "x.yaml:5:14: checks: '%': packets is no part of anything"},
	"no sign":      {udp + "checks:\n- udp.lost\n", "x.yaml:5:11: checks: ends where < <= > >= == or != and what to compare with should follow"},
	"assignment":   {udp + "checks:\n- udp.lost = 0\n", "x.yaml:5:12: checks: '=': want measures such as udp.lost, numbers, + - * / ( ) and < <= > >= == !="},
	"time":         {udp + "checks:\n- udp.p99 < 50\n", "x.yaml:5:13: checks: a time is compared with what is none: write times with their unit, such as 50ms"},
	"sum":          {udp + "checks:\n- udp.p99 + 5 < 50ms\n", "x.yaml:5:11: checks: '+' between a time and what is none: write times with their unit, such as 50ms"},
	"times times":  {udp + "checks:\n- udp.p99 * 5ms < 50ms\n", "x.yaml:5:11: checks: '*': a time can be multiplied with and divided by a number, or divided by a time"},
	"number":       {udp + "checks:\n- udp.lost < 5apples\n", "x.yaml:5:14: checks: '5apples': want a number such as 1,000 or 0.5, with %, us, ms, s or min behind it if it has a unit"},
	"bracket":      {udp + "checks:\n- (udp.lost < 5\n", "x.yaml:5:13: checks: want ')' for the '(' at character 1"},
	"check key":    {udp + "checks:\n- {claim: a, if: udp.lost == 0}\n", "x.yaml:5:14: 'if' is no key of a check; the nearest is 'claim'"},
	"check empty":  {udp + "checks:\n- claim: a\n", "x.yaml:5:3: a check without 'that:': want what has to hold, such as udp.lost <= 5% * udp.emitted"},
	"brace":        {udp + "text: \"UDP lost {udp.lost\"\n", "x.yaml:4:17: text: a '{' without its '}'; write {{ for the sign itself"},
	"text figure":  {udp + "text: UDP lost {udp.los}\n", "x.yaml:4:21: text: 'los' is no measure of a run; the nearest is 'lost'"},
	"predict unit": {udp + "predict: {ask: a, unit: events, answer: udp.max}\n", "x.yaml:4:1: predict: unit: 'events': the answer udp.max is a time: want us, ms or s"},
	"predict ask":  {udp + "predict: {unit: ms, answer: udp.max}\n", "x.yaml:4:1: predict: no 'ask:': what is asked?"},
}

func catalogue() string {
	var names []string
	for _, l := range labs.Catalog {
		names = append(names, l.Name)
	}
	return strings.Join(names, ", ")
}

func TestRefusals(t *testing.T) {
	for name, c := range refusals {
		_, err := scenario.Read("x.yaml", strings.NewReader(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n%s\n got %v\nwant %s", name, c.text, err, c.want)
		}
		if _, ok := errors.AsType[*scenario.Error](err); !ok {
			t.Errorf("%s: the error is a %T", name, err)
		}
	}
	if _, err := scenario.Read("x.yaml", strings.NewReader(strings.Repeat("# \n", scenario.MaxBytes))); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a huge file: %v", err)
	}
	if _, err := scenario.Read("My Lab.yaml", strings.NewReader(udp)); err == nil || !strings.Contains(err.Error(), "'My Lab' is no name") {
		t.Errorf("a file whose name is no lab's: %v", err)
	}
}

// result is what the lab of the tests measured.
func result() *report.Result {
	return &report.Result{
		Runs: []report.Run{
			{Transport: "udp", Reliability: "none", Emitted: 2000, Delivered: 1800, Fates: map[string]int{"wire-loss": 150, "receive-buffer": 50}, LatencyUS: &report.Latency{P50: 20_000, P99: 40_500, Max: 1_200_000}},
			{Transport: "udp", Reliability: "ack", Variant: "slow", Emitted: 2000, Fates: map[string]int{"connection-lost": 2000}},
		},
		Figures: map[string]float64{"my own": 2.5},
	}
}

const twoRuns = "question: q\nruns:\n- transport: udp\n- {transport: udp, reliability: ack, name: slow}\n"

func TestChecks(t *testing.T) {
	for that, c := range map[string]struct {
		held     bool
		measured string
	}{
		"udp.lost == 200":                                {true, "200 == 200"},
		"udp.lost != 2e":                                 {false, ""},
		"100 <= udp.lost < 200":                          {false, "100 <= 200 < 200"},
		"udp.lost <= 10%":                                {true, "10.0 % <= 10.0 %"},
		"5% < udp.lost < 15%":                            {true, "5.00 % < 10.0 % < 15.0 %"},
		"udp.lost% + 1% == 11%":                          {true, "11.0 % == 11.0 %"},
		"udp.lost > 5% * udp.emitted":                    {true, "200 > 100"},
		"udp.wire-loss + udp.receive-buffer == udp.lost": {true, "200 == 200"},
		"udp.emitted - udp.delivered == udp.lost":        {true, "200 == 200"},
		"udp.p99 < 50ms":                                 {true, "40.5 ms < 50.0 ms"},
		"udp.max >= 1.2s":                                {true, "1200 ms >= 1200 ms"},
		"udp.p99 / udp.p50 > 2":                          {true, "2.02 > 2"},
		"2 * (udp.p50 + 250us) == udp.p99":               {true, "40.5 ms == 40.5 ms"},
		"udp/ack/slow.lost == 2,000":                     {true, "2,000 == 2,000"},
		"udp/ack/slow.max < 1s":                          {false, "there is no udp/ack/slow.max in this run"},
		"udp.lost / udp/ack/slow.delivered < 1":          {false, "there is no quotient, which would divide by 0, in this run"},
		`"my own" > 2`:                                   {true, "2.50 > 2"},
	} {
		f, err := scenario.Read("x.yaml", strings.NewReader(twoRuns+"checks:\n- '"+that+"'\n"))
		if c.measured == "" {
			if err == nil {
				t.Errorf("%s is read", that)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", that, err)
			continue
		}
		r := result()
		if err := f.Judge(r); err != nil {
			t.Errorf("%s: %v", that, err)
			continue
		}
		if got := r.Checks[0]; got.Held != c.held || got.Measured != c.measured || got.Claim != that {
			t.Errorf("%s: %+v, want %v %s", that, got, c.held, c.measured)
		}
	}
}

func TestText(t *testing.T) {
	f, err := scenario.Read("x.yaml", strings.NewReader(twoRuns+`text: |
  Lost {udp.lost} of {udp.emitted}, {udp.lost%}; {{so}: {udp.p99}, {udp/ack/slow.p99}.

  Again.
`))
	if err != nil {
		t.Fatal(err)
	}
	r := result()
	if err := f.Judge(r); err != nil {
		t.Fatal(err)
	}
	want := "Lost 200 of 2,000, 10.0 %; {so}: 40.5 ms, –.|Again."
	if got := strings.Join(r.Story, "|"); got != want {
		t.Errorf("story %q, want %q", got, want)
	}
}

// TestLateClaims: which runs a lab of the catalogue has is known when it has
// run.
func TestLateClaims(t *testing.T) {
	f, err := scenario.Read("x.yaml", strings.NewReader("from: loss\nchecks:\n- udp/ack/slow.lost == 2000\n- upd.lost == 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := "x.yaml:4:3: checks: run \"upd\" is not known; the nearest is \"udp\"; there are: udp, udp/ack/slow"
	if err := f.Judge(result()); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestWrittenIsRead: what is written reads back as the same lab.
func TestWrittenIsRead(t *testing.T) {
	for name, text := range map[string]string{"new": scenario.New("evening"), "hard": hard} {
		f, err := scenario.Read("evening.yaml", strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		once := written(t, f)
		again, err := scenario.Read("evening.yaml", strings.NewReader(once))
		if err != nil {
			t.Fatalf("%s: %v in\n%s", name, err, once)
		}
		if twice := written(t, again); twice != once {
			t.Errorf("%s: written\n%s\nread and written again\n%s", name, once, twice)
		}
	}
}

// hard is a lab whose words are hard to write.
const hard = `lab: hard
question: 'what: "now"?'
varies: "yes"
held: '0x10'
expect: "#1"
link: {rules: ["udp: loss 3%", "tcp: none"], schedule: [3s, 1s down, once], loss: "0.05"}
traffic: {events: 010}
runs:
- {transport: tcp}
- {transport: udp, name: "1", loss: "0"}
checks: ["udp/1.lost == 0"]
text: ["a\nb", "- {udp/1.lost}", "null", "~", "line: colon"]
`

func written(t *testing.T, f *scenario.File) string {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b, "", nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// FuzzRead: whatever a file holds, it is read or refused with its place, and
// what is read can be written and read again.
func FuzzRead(f *testing.F) {
	for _, c := range refusals {
		f.Add(c.text)
	}
	f.Add(hard) // the new lab is too long for quick tries
	f.Fuzz(func(t *testing.T, text string) {
		file, err := scenario.Read("x.yaml", strings.NewReader(text))
		if err != nil {
			if _, ok := errors.AsType[*scenario.Error](err); !ok && len(text) <= scenario.MaxBytes {
				t.Errorf("the error is a %T: %v", err, err)
			}
			return
		}
		once := written(t, file)
		again, err := scenario.Read("x.yaml", strings.NewReader(once))
		if err != nil {
			t.Fatalf("%v in\n%s", err, once)
		}
		if twice := written(t, again); twice != once {
			t.Errorf("written\n%s\nread and written again\n%s", once, twice)
		}
		r := result()
		if err := file.Judge(r); err != nil && file.From == "" && !strings.Contains(err.Error(), "is not known") && !strings.Contains(err.Error(), "means several") {
			t.Errorf("judged: %v", err)
		}
	})
}
