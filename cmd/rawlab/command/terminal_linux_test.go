package command_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/vt"
	"golang.org/x/sys/unix"
)

// tty is a program on a terminal: what it draws is on a screen that the
// test reads, and what the test types it reads.
type tty struct {
	t       *testing.T
	cmd     *exec.Cmd
	file    *os.File      // the side of the terminal's user
	slave   *os.File      // the program's side, kept open for its settings
	before  *unix.Termios // the settings before the program
	changed chan struct{} // something was drawn

	mu     sync.Mutex
	screen *vt.Emulator
	drawn  bytes.Buffer // all that the program wrote
}

// waitLimit ends a wait for what never comes to the screen.
const waitLimit = time.Minute

// onTerminal runs rawlab on a terminal of 80×24.
func onTerminal(t *testing.T, env []string, args ...string) *tty {
	t.Helper()
	x := &tty{t: t, screen: vt.NewEmulator(80, 24), changed: make(chan struct{}, 1)} // one: the screen is looked at whole
	x.file, x.slave = terminal(t)
	x.setSize(80, 24)
	x.before = x.settings()
	x.cmd = exec.Command(os.Args[0], args...)
	x.cmd.Env = append(os.Environ(), programEnv+"=1", "TERM=xterm-256color", "NO_COLOR=")
	x.cmd.Env = append(x.cmd.Env, env...)
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = x.slave, x.slave, x.slave
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(x.draw)
	wg.Go(func() { io.Copy(x.file, x.screen) }) // what a terminal answers to questions
	t.Cleanup(func() {
		x.cmd.Process.Kill() // has ended, but for a test that failed
		x.cmd.Wait()
		x.slave.Close() // the last one on that side, which ends the reading on this
		x.screen.InputPipe().(io.Closer).Close()
		wg.Wait()
		x.file.Close()
	})
	return x
}

func (x *tty) draw() {
	b := make([]byte, 32<<10)
	for {
		n, err := x.file.Read(b)
		x.mu.Lock()
		x.screen.Write(b[:n])
		x.drawn.Write(b[:n])
		x.mu.Unlock()
		select {
		case x.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (x *tty) settings() *unix.Termios {
	x.t.Helper()
	s, err := unix.IoctlGetTermios(int(x.slave.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return s
}

// lines returns the screen.
func (x *tty) lines() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return strings.Split(x.screen.String(), "\n")
}

// lit returns the characters of a line that are drawn in reverse.
func (x *tty) lit(line int) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var b strings.Builder
	for column := range x.screen.Width() {
		if c := x.screen.CellAt(column, line); c != nil && c.Style.Attrs&uv.AttrReverse != 0 {
			b.WriteString(c.Content)
		}
	}
	return b.String()
}

// wait waits until the screen matches an expression, and returns it.
func (x *tty) wait(pattern string) []string {
	x.t.Helper()
	re := regexp.MustCompile("(?s)" + pattern)
	x.until(pattern, func() bool { return re.MatchString(strings.Join(x.lines(), "\n")) })
	return x.lines()
}

// waitLit waits until so much of a line is drawn in reverse.
func (x *tty) waitLit(line int, want string) {
	x.t.Helper()
	x.until(want+", lit", func() bool { return x.lit(line) == want })
}

// until waits for the screen to be so.
func (x *tty) until(what string, so func() bool) {
	x.t.Helper()
	limit := time.After(waitLimit)
	for !so() {
		select {
		case <-x.changed:
		case <-limit:
			x.t.Fatalf("%q never came to the screen:\n%s", what, strings.Join(x.lines(), "\n"))
		}
	}
}

// keys types.
func (x *tty) keys(text string) {
	x.t.Helper()
	if _, err := io.WriteString(x.file, text); err != nil {
		x.t.Fatal(err)
	}
}

// resize makes the terminal another size.
func (x *tty) resize(columns, rows int) {
	x.t.Helper()
	x.mu.Lock()
	x.screen.Resize(columns, rows)
	x.mu.Unlock()
	x.setSize(columns, rows)
}

func (x *tty) setSize(columns, rows int) {
	x.t.Helper()
	size := unix.Winsize{Col: uint16(columns), Row: uint16(rows)}
	if err := unix.IoctlSetWinsize(int(x.file.Fd()), unix.TIOCSWINSZ, &size); err != nil {
		x.t.Fatal(err)
	}
}

// ends waits for the program, and holds it to leaving the terminal as it was.
func (x *tty) ends(code int) {
	x.t.Helper()
	x.cmd.Wait()
	if got := x.cmd.ProcessState.ExitCode(); got != code {
		x.t.Errorf("%v, want exit code %d:\n%s", x.cmd.ProcessState, code, strings.Join(x.lines(), "\n"))
	}
	if after := x.settings(); *after != *x.before {
		x.t.Errorf("the terminal's settings were %+v and are %+v", *x.before, *after)
	}
	x.until("the screen and the cursor as they were", func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return !x.screen.IsAltScreen() && !x.screen.CursorHidden()
	})
}

// written returns all that the program has written.
func (x *tty) written() []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	return bytes.Clone(x.drawn.Bytes())
}

// Keys as a terminal sends them.
const (
	keyDown     = "\x1b[B"
	keyUp       = "\x1b[A"
	keyRight    = "\x1b[C"
	keyPageDown = "\x1b[6~"
	keyEnter    = "\r"
	keyTab      = "\t"
	keyEscape   = "\x1b"
	keyCtrlC    = "\x03"
	keyCtrlU    = "\x15"
)
