package testbed

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// How long a program may take to end by itself.
const (
	hangupGrace    = time.Second     // after SIGHUP, when whoever asked for it is gone
	terminateGrace = 3 * time.Second // after SIGTERM
	lookAgain      = 10 * time.Millisecond
)

// programs are those that clients asked for. The zero value has none.
type programs struct {
	mu      sync.Mutex
	running map[int]Program
	ended   bool // no more may start
}

func (p *programs) list() []Program {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Program, 0, len(p.running))
	for _, one := range p.running {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Program) int { return a.PID - b.PID })
	return list
}

// start starts one, unless the testbed is ending.
func (p *programs) start(hostName string, command []string, cmd *exec.Cmd, start func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return errors.New("it is going down")
	}
	if err := start(); err != nil {
		return err
	}
	if p.running == nil {
		p.running = map[int]Program{}
	}
	p.running[cmd.Process.Pid] = Program{PID: cmd.Process.Pid, Host: hostName, Command: command, Started: time.Now()}
	return nil
}

func (p *programs) remove(pid int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.running, pid)
}

// end ends every process of the testbed but init, this one and the wire's:
// also those that programs left in the background.
func (p *programs) end(wire int) {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	others := func() []int { return processes(1, os.Getpid(), wire) }
	deadline := time.Now().Add(terminateGrace)
	signalAll(others(), syscall.SIGTERM)
	for len(others()) > 0 && time.Now().Before(deadline) {
		time.Sleep(lookAgain)
	}
	signalAll(others(), syscall.SIGKILL)
}

func signalAll(pids []int, s syscall.Signal) {
	for _, pid := range pids {
		syscall.Kill(pid, s)
	}
}

// processes lists those of the process namespace, without some. Where /proc
// could not be mounted it shows other numbers and would mislead: none then,
// and they end when init does.
func processes(without ...int) []int {
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && !slices.Contains(without, pid) && !zombie(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// zombie tells whether a process only waits to be reaped (proc_pid_stat(5)).
func zombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true // gone meanwhile
	}
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == ')' {
			return i+2 < len(text) && text[i+2] == 'Z'
		}
	}
	return false
}
