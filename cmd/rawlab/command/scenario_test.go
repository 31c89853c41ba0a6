package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rawlab/cmd/rawlab/command"
)

func scenario(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "wire.yaml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestLabOptions holds what a command line comes to, both directions' words.
func TestLabOptions(t *testing.T) {
	const own = "loss 5% delay 10ms"
	for name, c := range map[string]struct {
		args     []string
		up, down string
	}{
		"defaults": {nil, own, own},
		"words": {
			[]string{"--loss=1%", "--delay=20ms", "--jitter=2ms", "--distribution=normal", "--queue=64kb", "--rate=1mbit", "--aqm=codel"},
			"loss 1% delay 20ms 2ms distribution normal rate 1mbit queue 64kb aqm codel", "",
		},
		"bursts":     {[]string{"--loss=gemodel 1% 10%"}, "loss gemodel 1% 10% 100% 0% delay 10ms", ""},
		"gap":        {[]string{"--reorder=25% gap 5", "--corrupt=1% payload"}, "loss 5% delay 10ms reorder 25% gap 5 corrupt 1% payload", ""},
		"directions": {[]string{"--loss=0", "--up=loss 2% delay 1ms", "--down=rate 2mbit"}, "loss 2% delay 1ms", "delay 10ms rate 2mbit"},
		"schedule":   {[]string{"--schedule=3s loss 0%; 2s loss 30%; 1s down"}, own + "; 3s loss 0%; 2s loss 30%; 1s down", ""},
		"rules": {
			[]string{"--rule=udp port 9700 to-server: loss 3%", "--rule=tcp: none"},
			own + "; udp port 9700 to-server: loss 3%; tcp: loss 0% delay 0s", "",
		},
		"all of it up": {[]string{"--up=delay 30ms; 1s; 2s down; once; any: loss 1%"}, "loss 5% delay 30ms; 1s; 2s down; once; any: loss 1%", own},
	} {
		if c.down == "" {
			c.down = c.up
		}
		o, err := command.LabOptions("loss", c.args)
		if err != nil {
			t.Errorf("%s: %q: %v", name, c.args, err)
			continue
		}
		back := &o.Impairment
		if o.Back != nil {
			back = o.Back
		}
		if o.Impairment.String() != c.up || back.String() != c.down {
			t.Errorf("%s: %q:\n to server %s, want %s\n to client %s, want %s", name, c.args, &o.Impairment, c.up, back, c.down)
		}
	}
}

func TestScenarioFile(t *testing.T) {
	file := scenario(t, `# a bad evening
events: 500
pace: 100
loss: gemodel 1% 10%
delay: 30ms
seed: 7
down: rate 2mbit
rule:
  - 'udp port 9700: loss 3%'
  - 'tcp: none'
reader-delay: 1ms
`)
	o, err := command.LabOptions("loss", []string{"--scenario", file, "--delay", "5ms"})
	if err != nil {
		t.Fatal(err)
	}
	if o.Events != 500 || o.Pace != 100 || o.Seed != 7 || o.ReaderDelay != time.Millisecond || o.Impairment.Delay != 5*time.Millisecond {
		t.Errorf("options %+v", o)
	}
	if len(o.Impairment.Rules) != 2 || o.Back == nil || o.Back.Rate != 2_000_000 || o.Impairment.Burst.P != 0.01 {
		t.Errorf("impairments %s and %s", &o.Impairment, o.Back)
	}
}

func TestScenarioIsStrict(t *testing.T) {
	for text, want := range map[string]string{
		"loss: 5%\nlos: 3%\n":           ":2: 'los' is not an option of a lab; the nearest is 'loss'",
		"dealy: 5ms":                    "the nearest is 'delay'",
		"json: true":                    ":1: 'json' is not an option",
		"loss: 5%\n\nloss: 6%\n":        ":3: 'loss' is there twice",
		"events: many":                  ":1: events: ",
		"loss: [1%, 2%]":                ":1: loss: want one value",
		"rule: udp: loss 3%":            "mapping values are not allowed",
		"just words":                    ":1: want lines such as",
		"loss: 5%\n---\nloss: 6%":       "more than one document",
		"loss:":                         ":1: loss: want one value",
		"loss: 5x":                      "'loss 5x': at '5x' (character 6)",
		"schedule: loss 6%":             "outside of a phase",
		"rule: 'udp: loss 1%; tcp: up'": "want one rule",
	} {
		_, err := command.LabOptions("loss", []string{"--scenario", scenario(t, text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("scenario %q: %v, want %q", text, err, want)
		}
	}
	if _, err := command.LabOptions("loss", []string{"--scenario", "/nowhere/at.all"}); err == nil {
		t.Error("a file that is not there is accepted")
	}
	if _, err := command.LabOptions("layers", []string{"--scenario", scenario(t, "loss: 5%")}); err == nil || !strings.Contains(err.Error(), "does not take --loss") {
		t.Errorf("lab layers with a loss: %v", err)
	}
	if o, err := command.LabOptions("loss", []string{"--scenario", scenario(t, "# nothing yet\n")}); err != nil || o.Events != 20_000 {
		t.Errorf("an empty scenario: %v", err)
	}
}
