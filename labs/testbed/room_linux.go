package testbed

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"rawlab/labs/host"
)

// room is the mount namespace in which a host's programs run: /sys shows the
// host's interfaces there.
type room struct{ namespace *os.File }

func newRoom(h *host.Host) (*room, error) {
	r := &room{}
	err := h.Do(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("host %s: mounts of its own: %w", h.Name, err)
		}
		const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
		if err := unix.Mount("sysfs", "/sys", "sysfs", flags, ""); err != nil && !errors.Is(err, unix.EPERM) {
			return fmt.Errorf("host %s: /sys: %w", h.Name, err)
		} // without the right, as inside some containers, /sys stays that of the machine
		r.namespace, err = os.Open("/proc/thread-self/ns/mnt")
		return err
	})
	return r, err
}

// enter moves the calling thread into the room, for good.
func (r *room) enter() error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	return unix.Setns(int(r.namespace.Fd()), unix.CLONE_NEWNS)
}

// nameHosts adds the hosts' names to /etc/hosts, as this process and all
// below it see that file. The file itself is on no disk.
func nameHosts(hosts []*host.Host) error {
	const target = "/etc/hosts"
	text, err := os.ReadFile(target)
	if err != nil {
		return nil // a machine without the file looks names up elsewhere
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n# the hosts of this net\n", strings.TrimRight(string(text), "\n"))
	for _, h := range hosts {
		fmt.Fprintf(&b, "%s %s\n%s %s\n", h.IPv4, h.Name, h.IPv6, h.Name)
	}
	// A file system in memory, seen for a moment by this process only.
	place := os.TempDir()
	if err := unix.Mount("hosts", place, "tmpfs", 0, "mode=755"); err != nil {
		return nil // names are a comfort; addresses do as well
	}
	file := place + "/hosts"
	if err = os.WriteFile(file, []byte(b.String()), 0o644); err == nil {
		err = unix.Mount(file, target, "", unix.MS_BIND, "")
	}
	return errors.Join(err, unix.Unmount(place, unix.MNT_DETACH))
}
