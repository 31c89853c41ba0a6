package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// keeper holds a testbed's hosts and wire and serves its socket.
type keeper struct {
	config   Config
	network  *network
	rooms    map[string]*room
	started  time.Time
	programs programs
	wg       sync.WaitGroup // conversations

	ending chan struct{} // closed when the testbed is to end
	end    sync.Once
	gone   chan struct{} // closed when all but the conversations has ended
	last   *Status       // the counters when it ended; read after gone
	why    error         // what ended it, if nobody asked; read after ending

	mu       sync.Mutex
	settings map[string]Setting // by link
	capture  *recorder          // the one that 'up' asked for
}

// RunKeeper is the process below init: it makes the hosts, tells 'up', and
// serves until the testbed ends.
func RunKeeper(ctx context.Context) error {
	file := os.NewFile(lineFD, "line")
	line, err := net.FileConn(file)
	if err != nil {
		return fmt.Errorf("testbed: no line to 'up': %w", err)
	}
	defer line.Close()
	socket, err := listener()
	if err = errors.Join(err, file.Close()); err != nil {
		return report(line, err)
	}
	k, err := newKeeper(line)
	if err != nil {
		return report(line, err)
	}
	defer k.network.close()
	if err := k.introduce(line); err != nil {
		return err
	}
	line.Close()
	quietStderr()
	stop := context.AfterFunc(ctx, func() { k.finish(errors.New("it was ended by SIGTERM")) })
	defer stop()
	return k.serve(socket)
}

func listener() (*net.UnixListener, error) {
	f := os.NewFile(socketFD, "socket")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("testbed: socket: %w", err)
	}
	return l.(*net.UnixListener), nil
}

func newKeeper(line io.Reader) (*keeper, error) {
	k := &keeper{
		started: time.Now(), rooms: map[string]*room{}, settings: map[string]Setting{},
		ending: make(chan struct{}), gone: make(chan struct{}),
	}
	if err := json.NewDecoder(line).Decode(&k.config); err != nil {
		return nil, fmt.Errorf("testbed: %w", err)
	}
	var err error
	if k.network, err = newNetwork(&k.config); err != nil {
		return nil, err
	}
	if err = k.furnish(); err == nil {
		err = k.set(&setRequest{Links: k.config.Links})
	}
	if err != nil {
		return nil, errors.Join(err, k.network.close())
	}
	return k, nil
}

// furnish gives every host its room, in which names are known.
func (k *keeper) furnish() error {
	if err := nameHosts(k.network.hosts); err != nil {
		return err
	}
	for _, h := range k.network.hosts {
		r, err := newRoom(h)
		if err != nil {
			return err
		}
		k.rooms[h.Name] = r
	}
	return nil
}

// introduce answers 'up' and waits until it lets go.
func (k *keeper) introduce(line net.Conn) error {
	s, err := k.status(&statusRequest{})
	if err != nil {
		return report(line, err)
	}
	if err := json.NewEncoder(line).Encode(&reply{Status: s}); err != nil {
		return err
	}
	if _, err := line.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("testbed: 'up' ended before it was told: %w", err)
	}
	return nil
}

// serve answers clients until the testbed ends.
func (k *keeper) serve(l *net.UnixListener) error {
	k.network.OnDeath(k.finish) // hosts without a wire would only look as if they lost everything
	k.wg.Go(func() {
		<-k.ending
		k.wind()
		close(k.gone)
		l.Close()
	})
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			k.finish(err) // nothing, if it is ending already
			k.wg.Wait()
			return k.why
		}
		k.wg.Go(func() {
			defer c.Close()
			defer k.hurry(c)()
			k.converse(newPeer(c))
		})
	}
}

// goodbyeGrace is what a client has for its last words when all else is gone.
const goodbyeGrace = time.Second

// hurry keeps a client that says nothing from holding up the end. The caller
// calls over when the conversation is.
func (k *keeper) hurry(c *net.UnixConn) (over func()) {
	done := make(chan struct{})
	go func() {
		select {
		case <-k.gone:
			c.SetDeadline(time.Now().Add(goodbyeGrace))
		case <-done:
		}
	}()
	return func() { close(done) }
}

// finish ends the testbed; why is nil if somebody asked for it.
func (k *keeper) finish(why error) {
	k.end.Do(func() {
		k.why = why
		close(k.ending)
	})
}

// wind ends the programs, the captures and the wire, in this order.
func (k *keeper) wind() {
	k.programs.end(k.network.PID())
	k.last, _ = k.status(&statusRequest{})
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.capture != nil {
		k.capture.stop()
	}
}

// awaitExit waits until a process has ended, at most for milliseconds, and
// closes its descriptor; -1 waits without limit.
func awaitExit(pidfd, milliseconds int) error {
	defer unix.Close(pidfd)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, milliseconds)
		switch {
		case err == nil && n == 0:
			return os.ErrDeadlineExceeded
		case !errors.Is(err, unix.EINTR):
			return err
		}
	}
}
