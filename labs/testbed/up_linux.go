package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"rawlab/labs/host"
)

// The line between 'up' and the keeper carries, in this order: the Config,
// the keeper's first answer, and one byte by which 'up' lets go. If the line
// ends before, the keeper does too: a testbed that nobody was told of must
// not stay.

// Up starts a testbed and returns when it can be used. initArgs and keeperArgs
// are the arguments that make this program call [RunInit], with the socket
// and the keeper's arguments behind them, and [RunKeeper].
func Up(ctx context.Context, c *Config, initArgs, keeperArgs []string) (*Status, error) {
	unlock, err := lockFolder()
	if err != nil {
		return nil, err
	}
	defer unlock()
	socket, err := clearSocket(c.Name)
	if err != nil {
		return nil, err
	}
	line, theirs, err := newLine()
	if err != nil {
		return nil, err
	}
	defer line.Close()
	said, stderr, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirs.Close())
	}
	defer said.Close()
	argv := append(append(append([]string{}, initArgs...), socket), keeperArgs...)
	cmd, err := host.StartDetached(argv, stderr, []*os.File{theirs})
	err = errors.Join(err, theirs.Close(), stderr.Close())
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { line.Close() })
	defer stop()
	status, err := greet(line, c)
	if err == nil {
		return status, nil
	}
	line.Close()
	text, _ := io.ReadAll(said)
	cmd.Wait()
	if ctx.Err() != nil {
		return nil, errors.New("interrupted")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
		err = fmt.Errorf("testbed: its processes ended at once: %s", strings.TrimSpace(string(text)))
	}
	return nil, err
}

// greet tells the keeper what to make and waits until it has.
func greet(line net.Conn, c *Config) (*Status, error) {
	if err := json.NewEncoder(line).Encode(c); err != nil {
		return nil, err
	}
	var r reply
	if err := json.NewDecoder(line).Decode(&r); err != nil {
		return nil, err
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	_, err := line.Write([]byte{0})
	return r.Status, err
}

// clearSocket returns the path that a new testbed's socket will have, after
// taking away one whose testbed has died.
func clearSocket(name string) (string, error) {
	path, err := socketPath(name)
	if err != nil {
		return "", err
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
		return "", fmt.Errorf("%s is up already; 'rawlab net down' ends it, --name makes a second one", quoted(name))
	}
	if errors.Is(err, unix.ECONNREFUSED) {
		return path, os.Remove(path)
	}
	if errors.Is(err, os.ErrNotExist) {
		return path, nil
	}
	return "", err
}

func quoted(name string) string { return fmt.Sprintf("net %q", name) }

// newLine returns a connection and the descriptor of its other end.
func newLine() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	ours := os.NewFile(uintptr(fds[0]), "line")
	defer ours.Close()
	theirs := os.NewFile(uintptr(fds[1]), "line")
	c, err := net.FileConn(ours)
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return c, theirs, nil
}

// report tells 'up' that nothing came of it.
func report(line io.Writer, err error) error {
	json.NewEncoder(line).Encode(&reply{Error: err.Error()})
	return err
}
