package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// capturing is a command that captures until it is interrupted.
type capturing struct {
	cmd  *exec.Cmd
	said *bufio.Scanner
}

// startCapture starts the command and waits until it says that it listens.
func startCapture(ctx context.Context, command []string) (*capturing, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	pipe, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &capturing{cmd, bufio.NewScanner(pipe)}
	var lines []string
	for c.said.Scan() {
		if strings.Contains(c.said.Text(), "listening on") {
			return c, nil
		}
		lines = append(lines, c.said.Text())
	}
	return nil, fmt.Errorf("%s: %w: %s", strings.Join(command, " "), cmd.Wait(), strings.Join(lines, "; "))
}

// droppedLine is what rawlab and tcpdump say of packets that they missed.
var droppedLine = regexp.MustCompile(`(\d+)(?: packets)? dropped by (?:the )?kernel`)

// end interrupts the command and returns how many packets it says to have
// missed.
func (c *capturing) end() (dropped int, err error) {
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		return 0, err
	}
	dropped = -1
	for c.said.Scan() {
		if m := droppedLine.FindStringSubmatch(c.said.Text()); m != nil {
			dropped, _ = strconv.Atoi(m[1])
		}
	}
	if err := c.cmd.Wait(); err != nil {
		return 0, fmt.Errorf("%s: %w", c.cmd.Path, err)
	}
	if dropped < 0 {
		return 0, fmt.Errorf("%s does not say what it has dropped", c.cmd.Path)
	}
	return dropped, nil
}
