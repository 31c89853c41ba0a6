package command_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const clientsFile = `question: who gets what?
hosts: {backend: virtual}
link: {loss: 5%, delay: 5ms}
traffic:
  topics:
  - {topic: chat, emitters: 2, subscribers: 3, events: 40, pace: 200, size: 64}
  - {topic: film, events: 100, pace: 500, size: 900}
runs:
- transport: tcp
- transport: udp
- {transport: udp, name: one, topics: [{topic: chat, events: 30}]}
checks:
- tcp/chat.delivered == 240
- udp/chat.lost == udp/chat/1.lost + udp/chat/2.lost + udp/chat/3.lost
- udp.lost == udp/chat.lost + udp/film.lost
- udp/one/chat.emitted == 30
fail-on: [udp/film.lost>50%]
text: The second of chat's subscribers over UDP got {udp/chat/2.delivered} of {udp/chat/2.emitted}.
`

// TestSeveralClients: topics with clients of their own, in a file, told of one
// by one, and verified.
func TestSeveralClients(t *testing.T) {
	folder := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, "own.yaml"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(clientsFile)
	out, said, code := inFolder(t, folder, "lab", "run", "own.yaml", "-o", "result")
	if code != 0 {
		t.Fatalf("run: %d %s%s", code, out, said)
	}
	for _, want := range []string{"due to subscribers", "UDP one: chat", "held    tcp: the account of each subscriber balances by itself (4 of 4)", "held    not udp/film.lost > 50%"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if out, said, code := inFolder(t, folder, "lab", "verify", "result"); code != 0 {
		t.Errorf("verify: %d %s%s", code, out, said)
	}
	ledger := filepath.Join(folder, "result", "ledger.csv")
	whole, err := os.ReadFile(ledger)
	if err != nil {
		t.Fatal(err)
	}
	// One event's copy for one subscriber is another's: the sums stay.
	at := bytes.Index(whole, []byte(",chat,4\n"))
	if at < 0 {
		t.Fatalf("no line of subscriber 4 in %.300s", whole)
	}
	whole[at+len(",chat,")] = '5'
	if err := os.WriteFile(ledger, whole, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, said, code := inFolder(t, folder, "lab", "verify", "result"); code != 3 || !strings.Contains(said, "result.json against ledger.csv, tcp chat/1, events: the bundle has 80, and should have 79") {
		t.Errorf("verify, another subscriber: %d %s", code, said)
	}
}

// TestClientsAreRefused where they cannot be, with the place.
func TestClientsAreRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "own.yaml")
	for change, want := range map[string]string{
		"subscribers: 65":                 `own.yaml:6:45: invalid argument "65" for "--subscribers" flag: want a whole number, 1 to 64`,
		"subscribers: 0":                  `own.yaml:6:45: invalid argument "0" for "--subscribers" flag: want a whole number, 1 to 64`,
		"subscribers: 3, rcvbuf: x":       `own.yaml:6:56: invalid argument "x" for "--rcvbuf" flag`,
		"subscribers: 3, reader-delay: 2": `own.yaml:6:62: invalid argument "2" for "--reader-delay" flag`,
		"subscribers: 63":                 "own.yaml:9:3: all emitters' events, each as often as it has subscribers, are 504100, must be at most 500000",
	} {
		text := strings.Replace(clientsFile, "subscribers: 3", change, 1)
		if change == "subscribers: 63" {
			text = strings.Replace(text, "events: 40", "events: 4000", 1)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if said, code := labRefused(t, file); code != 2 || !strings.Contains(said, want) {
			t.Errorf("%s: %d %s, want %s", change, code, said, want)
		}
	}
	if said, code := labRefused(t, "loss --subscribers 3"); code != 2 || !strings.Contains(said, "lab loss does not take --subscribers") {
		t.Errorf("a lab of the catalogue: %d %s", code, said)
	}
}
