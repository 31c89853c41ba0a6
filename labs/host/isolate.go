package host

import "fmt"

// IsolationError says that the machine refuses private namespaces.
type IsolationError struct{ Err error }

func (e *IsolationError) Error() string {
	return fmt.Sprintf("this machine refuses private network namespaces (%v); allow them with "+
		"'sysctl -w user.max_user_namespaces=15000' and, on Ubuntu, 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0', or run as root", e.Err)
}

func (e *IsolationError) Unwrap() error { return e.Err }
