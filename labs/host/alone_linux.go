package host

import (
	"os/exec"
	"syscall"
)

// endWithParent lets the kernel end the process when this one dies.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
