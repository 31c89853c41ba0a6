package host

import (
	"math"
	"os"
	"os/exec"
	"slices"
	"syscall"
)

// StartDetached starts this program again as the first process of user,
// process, network and mount namespaces of its own, in a session of its own,
// and does not tie its life to the caller's. It gets files from descriptor 3
// on, no input and no output but stderr.
//
// Root keeps all the user ids that it has; another user is one, which looks
// like root inside.
func StartDetached(argv []string, stderr *os.File, files []*os.File) (*exec.Cmd, error) {
	const own = syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS
	attempts := []*syscall.SysProcAttr{{
		Cloneflags:  own | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}}
	if os.Geteuid() == 0 {
		all := []syscall.SysProcIDMap{{Size: min(math.MaxUint32, math.MaxInt)}} // of a 32-bit program's ids, the lower half
		attempts = slices.Insert(attempts, 0, &syscall.SysProcAttr{
			Cloneflags: own | syscall.CLONE_NEWUSER, UidMappings: all, GidMappings: all, GidMappingsEnableSetgroups: true,
		})
		attempts = append(attempts, &syscall.SysProcAttr{Cloneflags: own})
	}
	var refused error
	for _, attributes := range attempts {
		attributes.Setsid = true
		cmd := exec.Command("/proc/self/exe", argv...)
		cmd.Args[0] = "rawlab"
		cmd.Dir, cmd.Env = "/", append(os.Environ(), isolatedEnv+"=1")
		cmd.Stderr, cmd.ExtraFiles, cmd.SysProcAttr = stderr, files, attributes
		err := cmd.Start()
		if err == nil {
			return cmd, nil
		}
		if refused == nil {
			refused = err
		}
	}
	return nil, &IsolationError{Err: refused}
}
