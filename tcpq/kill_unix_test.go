//go:build unix

package tcpq_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rawlab/framing"
	"rawlab/internal/queue"
	"rawlab/internal/queue/disk"
	"rawlab/tcpq"
)

// serveDirEnv, set to a folder, makes the test program a server of it, which
// runs until it is killed.
const serveDirEnv = "RAWLAB_TEST_SERVE_DIR"

func init() {
	if dir := os.Getenv(serveDirEnv); dir != "" {
		if err := serveDir(dir); err != nil {
			fmt.Println("error", err)
		}
		os.Exit(1)
	}
}

const keptTopics = 3

// serveDir serves the topics kept/0, kept/1, … and prints its address.
func serveDir(dir string) error {
	store, err := disk.Open(dir, &disk.Config{JournalBytes: 256 << 10}) // it turns within a life
	if err != nil {
		return err
	}
	policies := make(map[string]queue.Policy)
	for i := range keptTopics {
		policies[fmt.Sprint("kept/", i)] = queue.PolicyStore
	}
	q, err := queue.New(&queue.Config{Store: store, Topics: policies})
	if err != nil {
		return err
	}
	l, err := tcpq.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return tcpq.NewServer(&tcpq.Config{Queue: q}).Serve(context.Background(), l)
}

// life is a server in a process of its own.
type life struct {
	cmd  *exec.Cmd
	addr string
}

func begin(t *testing.T, dir string) *life {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveDirEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error") {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("the server says %q, %v", line, err)
	}
	return &life{cmd, strings.TrimSpace(line)}
}

// kill ends the server as no program can prepare for.
func (l *life) kill() {
	l.cmd.Process.Kill()
	l.cmd.Wait()
}

// emitter emits numbered events and knows which were acknowledged.
type emitter struct {
	origin         uint64
	topic          string
	emitted, acked uint64
}

// emit emits until the connection breaks. The frames are written by hand, so
// that what was acknowledged is known to the event.
func (e *emitter) emit(addr string, burst int, acked *atomic.Uint64) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil // it was killed before
	}
	defer c.Close()
	r := framing.NewReader(c, framing.DefaultLimit)
	body, _ := (&framing.Hello{MinVersion: framing.Version, MaxVersion: framing.Version}).Append(nil)
	b, err := (&framing.Frame{Kind: framing.KindHello, Origin: e.origin, Payload: body}).Append(nil)
	if err != nil {
		return err
	}
	for {
		if _, err := c.Write(b); err != nil {
			return nil
		}
		for b = b[:0]; len(b) == 0; {
			f, err := r.Next()
			switch {
			case err != nil:
				return nil
			case f.Kind == framing.KindAck:
				acked.Add(f.Sequence - e.acked)
				e.acked = f.Sequence
			case f.Kind != framing.KindWelcome:
				return fmt.Errorf("origin %d got %v %v %q", e.origin, f.Kind, f.Code, f.Payload)
			}
			for e.emitted < e.acked+uint64(burst) || e.emitted == 0 {
				e.emitted++
				f := framing.Frame{
					Kind: framing.KindEmit, Flags: framing.FlagWantAck, Origin: e.origin, Sequence: e.emitted, Time: 1,
					Topic: []byte(e.topic), Payload: make([]byte, 100),
				}
				if b, err = f.Append(b); err != nil {
					return err
				}
			}
			if f.Kind == framing.KindAck && len(b) == 0 {
				return fmt.Errorf("origin %d: an ack of %d lets nothing more go", e.origin, f.Sequence)
			}
		}
	}
}

// However often the server is killed under load: every event that was
// acknowledged is there once, and each origin's are in order.
func TestKilledServerKeepsWhatItAcknowledged(t *testing.T) {
	kills := 100
	if testing.Short() {
		kills = 5
	}
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	var all []*emitter
	var acked atomic.Uint64
	for range kills {
		server := begin(t, dir)
		var running sync.WaitGroup
		for i := range 6 {
			// an origin of its own for each life, so that nothing is emitted twice
			e := &emitter{origin: uint64(len(all) + 1), topic: fmt.Sprint("kept/", i%keptTopics)}
			all = append(all, e)
			burst := 1 + r.IntN(40)
			running.Go(func() {
				if err := e.emit(server.addr, burst, &acked); err != nil {
					t.Error(err)
				}
			})
		}
		awaitAcks(t, &acked, acked.Load()+uint64(r.IntN(3000)))
		server.kill()
		running.Wait()
	}
	checkKept(t, dir, all)
	t.Logf("%d kills, %d events acknowledged", kills, acked.Load())
}

// awaitAcks waits until so many events were acknowledged: the points at which
// servers are killed.
func awaitAcks(t *testing.T, acked *atomic.Uint64, want uint64) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); acked.Load() < want; {
		if time.Now().After(end) {
			t.Fatalf("%d events acknowledged, want %d", acked.Load(), want)
		}
		time.Sleep(100 * time.Microsecond) // nobody tells of acknowledgements
	}
}

// checkKept opens the folder and looks for every event.
func checkKept(t *testing.T, dir string, all []*emitter) {
	t.Helper()
	s, err := disk.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	seen := make(map[uint64]uint64) // the last sequence of each origin
	for i := range keptTopics {
		err := s.Read(fmt.Sprint("kept/", i), 0, func(offset uint64, frame []byte) bool {
			f, _, err := framing.Parse(frame, len(frame))
			if err == nil && f.Sequence != seen[f.Origin]+1 {
				err = fmt.Errorf("event %d of origin %d after %d", f.Sequence, f.Origin, seen[f.Origin])
			}
			if err != nil {
				t.Errorf("kept/%d, offset %d: %v", i, offset, err)
				return false
			}
			seen[f.Origin] = f.Sequence
			return true
		})
		if err != nil {
			t.Error(err)
		}
	}
	for _, e := range all {
		if got := seen[e.origin]; got < e.acked || got > e.emitted {
			t.Errorf("origin %d: events up to %d are there; acknowledged up to %d, emitted up to %d", e.origin, got, e.acked, e.emitted)
		}
	}
}
