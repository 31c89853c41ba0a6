package live

import (
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"rawlab/capture"
)

// pane is a part of the screen that keys may go to.
type pane int

const (
	listPane pane = iota
	layersPane
	bytesPane
	panes // how many there are
)

// model is what the screen shows, and where the user is on it.
type model struct {
	store  *store
	config *Config

	width, height int
	focus         pane
	maximized     bool // the pane with the focus has all the room
	help          bool

	list   list
	layers layers
	bytes  int // the first row of bytes on the screen

	prompt  *prompt // being written in; nil if none is
	message string  // in the last line, until the next key
	found   []int   // packets of the event looked up

	stats capture.Stats // the kernel's counts, as last asked
}

// statsEvery is how often the kernel is asked what it dropped.
const statsEvery = 500 * time.Millisecond

func newModel(s *store, config *Config) *model {
	return &model{store: s, config: config, list: list{follow: config.Stats != nil}, layers: layers{open: make(map[string]bool)}}
}

// statsMsg says that it is time to ask the kernel.
type statsMsg struct{}

func statsLater() tea.Cmd {
	return tea.Tick(statsEvery, func(time.Time) tea.Msg { return statsMsg{} })
}

// Init begins asking for the kernel's counts.
func (m *model) Init() tea.Cmd {
	if m.config.Stats == nil {
		return nil
	}
	return func() tea.Msg { return statsMsg{} }
}

// Update takes in what happened.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m.store.Lock()
	defer m.store.Unlock()
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case changedMsg:
		m.settle()
	case statsMsg:
		return m, m.count()
	case tea.KeyPressMsg:
		if m.prompt != nil {
			return m, m.writing(msg)
		}
		return m, m.pressed(msg.String())
	case tea.PasteMsg:
		if m.prompt != nil {
			m.prompt.input, _ = m.prompt.input.Update(msg)
		}
	}
	return m, nil
}

// count asks for the kernel's counts, until the capture ends.
func (m *model) count() tea.Cmd {
	if s, err := m.config.Stats(); err == nil {
		m.stats = s
	}
	if m.store.ended {
		return nil
	}
	return statsLater()
}

// settle puts the selection back onto a packet that is there.
func (m *model) settle() {
	before := m.list.selected
	m.list.settle(m.store)
	if m.list.selected != before {
		m.bytes = 0
	}
	m.layers.show(m.store.packet(m.list.selected))
}

// prompt is a line that the user writes.
type prompt struct {
	input textinput.Model
	label string
	mark  *mark // what is wrong with it; nil if nothing is known to be
	enter func(m *model, text string) (done bool)
}

// mark is drawn under the word that is wrong.
type mark struct {
	at, width int // in characters
	reason    string
}

func (m *model) ask(label, text string, enter func(*model, string) bool) tea.Cmd {
	input := textinput.New()
	input.Prompt = label
	input.SetValue(text)
	input.CharLimit = maxPrompt
	input.SetWidth(max(m.width-len(label)-2, 1))
	styles := textinput.DefaultStyles(true)
	styles.Cursor.Blink = false
	input.SetStyles(styles)
	m.prompt = &prompt{input: input, label: label, enter: enter}
	return m.prompt.input.Focus()
}

// maxPrompt bounds what is written, in characters.
const maxPrompt = 4096

// writing gives a key to the prompt.
func (m *model) writing(key tea.KeyPressMsg) (cmd tea.Cmd) {
	switch key.String() {
	case "ctrl+c":
		return tea.Quit
	case "esc":
		m.prompt = nil
	case "enter":
		if m.prompt.enter(m, m.prompt.input.Value()) {
			m.prompt = nil
		}
	default:
		m.prompt.mark = nil
		m.prompt.input, cmd = m.prompt.input.Update(key)
	}
	return cmd
}
