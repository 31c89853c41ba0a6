package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// stopTime is how long a server process has to end by itself.
const stopTime = 10 * time.Second

// child is a server process, as its parent sees it.
type child struct {
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	answers  *json.Decoder
	addr     string
	complain bytes.Buffer // its standard error
}

func startChild(cmd *exec.Cmd) (*child, error) {
	c := &child{cmd: cmd}
	cmd.Stderr = &c.complain
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdin, c.answers = stdin, json.NewDecoder(stdout)
	cmd.WaitDelay = stopTime
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the server's process: %w", err)
	}
	var hello greeting
	if err := c.answers.Decode(&hello); err != nil {
		return nil, c.died(err)
	}
	c.addr = hello.Addr
	return c, nil
}

// report asks for the counters.
func (c *child) report() (report, error) {
	var r report
	if _, err := io.WriteString(c.stdin, "\n"); err != nil {
		return r, c.died(err)
	}
	if err := c.answers.Decode(&r); err != nil {
		return r, c.died(err)
	}
	return r, nil
}

// died ends a process that no longer answers and says what it said.
func (c *child) died(err error) error {
	return fmt.Errorf("the server's process stopped answering: %w", errors.Join(err, c.stop()))
}

// stop lets the process end, by the end of its input, and waits for it.
func (c *child) stop() error {
	c.stdin.Close()
	kill := time.AfterFunc(stopTime, func() { c.cmd.Process.Kill() })
	defer kill.Stop()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("the server's process: %w: %s", err, strings.TrimSpace(c.complain.String()))
	}
	return nil
}
