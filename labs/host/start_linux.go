package host

import "os/exec"

// Start starts cmd on the host. What enters further namespaces, if it is not
// nil, runs before on the same thread; the thread ends with the call.
func (h *Host) Start(cmd *exec.Cmd, enter func() error) error {
	return h.Do(func() error {
		if enter != nil {
			if err := enter(); err != nil {
				return err
			}
		}
		return cmd.Start()
	})
}
