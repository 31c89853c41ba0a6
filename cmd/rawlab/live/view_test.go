package live

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"rawlab/capture"
)

// presses are keys of every kind, and a text of letters to write.
var presses = []tea.KeyPressMsg{
	{Code: tea.KeyUp}, {Code: tea.KeyDown}, {Code: tea.KeyLeft}, {Code: tea.KeyRight}, {Code: tea.KeyPgUp}, {Code: tea.KeyPgDown},
	{Code: tea.KeyHome}, {Code: tea.KeyEnd}, {Code: tea.KeyTab}, {Code: tea.KeyTab, Mod: tea.ModShift}, {Code: tea.KeyEnter}, {Code: tea.KeyEscape},
	{Code: 'z', Text: "z"}, {Code: 'n', Text: "n"}, {Code: 'N', Text: "N"}, {Code: 'g', Text: "g"}, {Code: 'G', Text: "G"}, {Code: '?', Text: "?"},
	{Code: 'f', Text: "f"}, {Code: '/', Text: "/"}, {Code: '[', Text: "["}, {Code: ']', Text: "]"}, {Code: '1', Text: "1"}, {Code: ':', Text: ":"},
	{Code: 'u', Text: "u"}, {Code: 'd', Text: "d"}, {Code: 'p', Text: "p"}, {Code: 'u', Mod: tea.ModCtrl}, {Code: ' ', Text: " "},
}

// TestScreenAlwaysFits presses keys at random on screens of all sizes, while
// mangled packets come: every line is as wide as the screen, there are as
// many as it has, and nothing is in them that a terminal would obey.
func TestScreenAlwaysFits(t *testing.T) {
	seeds := uint64(20)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		random := rand.New(rand.NewPCG(seed, 0))
		s := newStore(Limits{Packets: 30})
		config := &Config{Title: "lo", Source: &source{}, Stats: func() (capture.Stats, error) { return capture.Stats{Dropped: seed}, nil }}
		m := newModel(s, config)
		m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
		var done []string
		for range 300 {
			switch random.IntN(12) {
			case 0:
				read(t.Context(), s, &Config{Source: &source{packets: noise(t, random, random.IntN(20))}}, make(chan struct{}, 1))
				m.Update(changedMsg{})
			case 1:
				m.Update(tea.WindowSizeMsg{Width: random.IntN(140), Height: random.IntN(50)})
			case 2:
				m.Update(statsMsg{})
			default:
				key := presses[random.IntN(len(presses))]
				done = append(done, key.String())
				m.Update(key)
			}
			checkScreen(t, m)
			if t.Failed() {
				t.Fatalf("seed %d, after the keys %v", seed, done)
			}
		}
	}
}

func checkScreen(t *testing.T, m *model) {
	t.Helper()
	content := m.View().Content
	if m.width < leastWidth || m.height < leastHeight {
		return
	}
	lines := strings.Split(content, "\n")
	if len(lines) != m.height {
		t.Errorf("%d lines on a screen of %d", len(lines), m.height)
	}
	for i, line := range lines {
		if n := ansi.StringWidth(line); n != m.width {
			t.Errorf("line %d is %d wide on a screen of %d: %q", i, n, m.width, line)
		}
		for _, r := range ansi.Strip(line) {
			if !unicode.IsPrint(r) {
				t.Errorf("line %d has %q in it: %q", i, r, line)
			}
		}
	}
}

// TestFollowing: at the end of the list the selection goes with the capture,
// elsewhere it stays, for as long as its packet is kept.
func TestFollowing(t *testing.T) {
	s := newStore(Limits{Packets: 20})
	m := newModel(s, &Config{Title: "lo", Stats: func() (capture.Stats, error) { return capture.Stats{}, nil }})
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	come := func(n int) {
		for range n {
			read(t.Context(), s, &Config{Source: &source{packets: [][]byte{event(t, 1, uint64(s.total+1))}}}, make(chan struct{}, 1))
		}
		m.Update(changedMsg{})
		m.View()
	}
	for i, step := range []struct {
		key      string
		come     int
		selected int
	}{
		{"", 10, 10}, {"", 5, 15}, {"k", 5, 14}, {"k", 0, 13}, {"G", 0, 20}, {"", 5, 25}, {"g", 0, 6}, {"", 3, 9}, {"j", 0, 10}, {"G", 50, 78},
	} {
		if step.key != "" {
			m.Update(tea.KeyPressMsg{Code: rune(step.key[0]), Text: step.key})
		}
		come(step.come)
		if m.list.selected != step.selected {
			t.Fatalf("step %d: packet %d is selected, want %d", i, m.list.selected, step.selected)
		}
	}
}
