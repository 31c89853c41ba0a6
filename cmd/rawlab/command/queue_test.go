package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"rawlab/cmd/rawlab/command"
)

// program is a command line that runs until it ends or its context does.
type program struct {
	t      *testing.T
	stop   context.CancelFunc
	code   chan int
	stderr *watched
	stdout *watched
}

// watched is a stream of output that one can wait for lines of.
type watched struct {
	mu    sync.Mutex
	more  sync.Cond
	b     []byte
	ended bool
}

func newWatched() *watched {
	w := &watched{}
	w.more.L = &w.mu
	return w
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b = append(w.b, b...)
	w.more.Broadcast()
	return len(b), nil
}

func (w *watched) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.more.Broadcast()
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.b)
}

// await waits for a match of pattern and returns its groups, nil if the
// program ends without one.
func (w *watched) await(pattern string) []string {
	re := regexp.MustCompile(pattern)
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		if m := re.FindSubmatch(w.b); m != nil {
			var groups []string
			for _, g := range m {
				groups = append(groups, string(g))
			}
			return groups
		}
		if w.ended {
			return nil
		}
		w.more.Wait()
	}
}

func start(t *testing.T, stdin io.Reader, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := &program{t: t, stop: cancel, code: make(chan int, 1), stderr: newWatched(), stdout: newWatched()}
	go func() {
		code := command.Main(ctx, args, stdin, p.stdout, p.stderr)
		p.stderr.end()
		p.stdout.end()
		p.code <- code
	}()
	watchdog := time.AfterFunc(programLimit, func() {
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		cancel()
	})
	t.Cleanup(func() { watchdog.Stop(); cancel() })
	return p
}

// programLimit is far more than any program here takes. One that hangs is
// interrupted then, and says where.
const programLimit = 2 * time.Minute

// end waits for the program and checks its exit code.
func (p *program) end(want int) {
	p.t.Helper()
	if got := <-p.code; got != want {
		p.t.Errorf("exit code = %d, want %d; stderr:\n%s", got, want, p.stderr)
	}
}

func (p *program) await(pattern string) []string {
	p.t.Helper()
	m := p.stderr.await(pattern)
	if m == nil {
		p.t.Fatalf("stderr never said %q but:\n%s", pattern, p.stderr)
	}
	return m
}

// startServer returns a running server and the URLs of its doors.
func startServer(t *testing.T, args ...string) (s *program, tcp, udp string) {
	t.Helper()
	s = start(t, nil, append([]string{"serve", "--tcp", "127.0.0.1:0", "--udp", "127.0.0.1:0"}, args...)...)
	return s, s.await(`(tcp://\S+)`)[1], s.await(`(udp://\S+)`)[1]
}

func TestEmitAndListenOverBothDoors(t *testing.T) {
	s, tcp, udp := startServer(t)
	var listeners []*program
	for _, url := range []string{tcp, udp} {
		l := start(t, nil, "listen", url, "news", "--count", "4")
		l.await("listening to news")
		listeners = append(listeners, l)
	}
	e := start(t, nil, "emit", tcp, "news", "over tcp", "--count", "2")
	e.await(`^2 events acknowledged\n`)
	e.end(0)
	e = start(t, strings.NewReader("over udp\r\nlast"), "emit", udp, "news")
	e.await(`^2 events sent, not acknowledged\n`)
	e.end(0)
	for _, l := range listeners {
		l.end(0)
		if want := "over tcp\nover tcp\nover udp\nlast\n"; l.stdout.String() != want {
			t.Errorf("listen printed %q, want %q", l.stdout, want)
		}
	}
	s.stop()
	s.end(0)
	for _, want := range []string{"tcp: 2 connections; events: 2 received, 4 forwarded", "udp: 2 sessions; events: 2 received, 4 forwarded"} {
		if !strings.Contains(s.stderr.String(), want) {
			t.Errorf("serve said %q, want %q in it", s.stderr, want)
		}
	}
}

func TestListenAsGetsWhatItMissed(t *testing.T) {
	for _, door := range []string{"tcp", "udp"} {
		t.Run(door, func(t *testing.T) {
			_, tcp, udp := startServer(t)
			url := map[string]string{"tcp": tcp, "udp": udp}[door]
			l := start(t, nil, "listen", url, "news", "--as", "ada", "--count", "1")
			l.await("receipt: 0 missed: 0 replayed, 0 expired")
			start(t, nil, "emit", tcp, "news", "0").end(0)
			l.end(0)
			start(t, strings.NewReader("1\n2\n3\n"), "emit", tcp, "news", "-").end(0)
			l = start(t, nil, "listen", url, "news", "--as", "ada", "--count", "3", "--json")
			l.end(0)
			got := decode(t, l.stdout.String())
			if len(got) != 4 || got[0]["type"] != "receipt" || got[0]["replayed"] != 3.0 {
				t.Fatalf("listen printed %v, want a receipt of 3 and 3 events", got)
			}
			for i, o := range got[1:] {
				if o["type"] != "event" || o["payload"] != string(rune('1'+i)) || o["replayed"] != true {
					t.Errorf("object %d = %v", i, o)
				}
			}
		})
	}
}

func decode(t *testing.T, lines string) (objects []map[string]any) {
	t.Helper()
	for d := json.NewDecoder(strings.NewReader(lines)); ; {
		var o map[string]any
		if err := d.Decode(&o); err == io.EOF {
			return objects
		} else if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
}

func TestListenersEnd(t *testing.T) {
	s, tcp, udp := startServer(t)
	interrupted := start(t, nil, "listen", tcp, "news")
	interrupted.await("listening")
	interrupted.stop()
	interrupted.end(0)
	left := []*program{start(t, nil, "listen", tcp, "news"), start(t, nil, "listen", udp, "news")}
	for _, l := range left {
		l.await("listening")
	}
	s.stop()
	s.end(0)
	for _, l := range left {
		l.end(1)
		l.await("the server is shutting down")
	}
}

func TestExplicitIgnoreHolds(t *testing.T) {
	_, tcp, _ := startServer(t, "--topic", "news=ignore")
	l := start(t, nil, "listen", tcp, "news", "--as", "ada")
	l.await("receipt")
	l.stop()
	l.end(0)
	start(t, nil, "emit", tcp, "news", "gone").end(0)
	l = start(t, nil, "listen", tcp, "news", "--as", "ada")
	l.await("receipt: 0 missed")
	l.stop()
	l.end(0)
}

func TestEmitJSON(t *testing.T) {
	_, tcp, udp := startServer(t)
	for url, acknowledged := range map[string]any{tcp: 1.0, udp: nil} {
		e := start(t, nil, "emit", url, "news", "x", "--json")
		e.end(0)
		got := decode(t, e.stdout.String())
		if len(got) != 1 || got[0]["emitted"] != 1.0 || got[0]["acknowledged"] != acknowledged {
			t.Errorf("emit %s --json = %v, want 1 emitted, %v acknowledged", url, got, acknowledged)
		}
	}
}

// A line that is too large is named, and what came before it is kept.
func TestEmitTooLarge(t *testing.T) {
	_, tcp, udp := startServer(t)
	for url, want := range map[string]string{tcp: "1 event acknowledged", udp: "1 event sent"} {
		l := start(t, nil, "listen", url, "news", "--count", "1")
		l.await("listening")
		e := start(t, io.MultiReader(strings.NewReader("small\n"), bytes.NewReader(make([]byte, 2<<20))), "emit", url, "news")
		e.end(1)
		e.await("event 2: .* 1048576 bytes")
		e.await(want)
		l.end(0)
	}
}

func TestUsageOfQueueVerbs(t *testing.T) {
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"no URL":          {[]string{"emit", "127.0.0.1:9700", "t", "x"}, 2, "say tcp://127.0.0.1:9700"},
		"websocket":       {[]string{"listen", "ws://127.0.0.1:9700", "t"}, 2, "speaks tcp://, tls://, udp:// and udps://"},
		"other scheme":    {[]string{"listen", "http://127.0.0.1:9700", "t"}, 2, `unknown transport "http"`},
		"no port":         {[]string{"emit", "tcp://127.0.0.1", "t", "x"}, 2, "no port"},
		"no host":         {[]string{"emit", "tcp://:9700", "t", "x"}, 2, "no host"},
		"topic in URL":    {[]string{"emit", "tcp://127.0.0.1:9700/t", "t", "x"}, 2, "argument of its own"},
		"long topic":      {[]string{"emit", "tcp://127.0.0.1:9700", strings.Repeat("t", 256), "x"}, 2, "topic of 256 bytes"},
		"negative count":  {[]string{"listen", "tcp://127.0.0.1:9700", "t", "--count", "-1"}, 2, "--count -1"},
		"nobody, tcp":     {[]string{"emit", "tcp://127.0.0.1:1", "t", "x"}, 1, "connection refused"},
		"nobody, udp":     {[]string{"emit", "udp://127.0.0.1:1", "t", "x"}, 1, "nobody listens"},
		"topic policy":    {[]string{"serve", "--topic", "news=keep"}, 2, "ignore or store"},
		"no topic policy": {[]string{"serve", "--topic", "news"}, 2, "NAME=ignore"},
		"overflow":        {[]string{"serve", "--overflow", "explode"}, 2, "drop-oldest"},
		"beyond loopback": {[]string{"serve", "--tcp", ":0"}, 2, "--insecure"},
		"no address":      {[]string{"serve", "--udp", "here"}, 2, "host:port"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := start(t, nil, test.args...)
			p.end(test.code)
			if !strings.Contains(p.stderr.String(), test.want) {
				t.Errorf("stderr = %q, want %q in it", p.stderr, test.want)
			}
		})
	}
}

func TestPortInUse(t *testing.T) {
	_, tcp, udp := startServer(t)
	for flag, url := range map[string]string{"--tcp": tcp, "--udp": udp} {
		p := start(t, nil, "serve", flag, url[len("tcp://"):])
		p.end(1)
		p.await("is in use")
	}
}
