package reasons_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"rawlab/capture/reasons"
)

// open watches, or skips the test where this user may not, unless
// RAWLAB_REQUIRE_KERNEL says that root must.
func open(t *testing.T, c *reasons.Config) *reasons.Watch {
	t.Helper()
	w, err := reasons.Open(c)
	if _, ok := errors.AsType[*reasons.UnavailableError](err); ok && (os.Geteuid() != 0 || os.Getenv("RAWLAB_REQUIRE_KERNEL") == "") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// inNamespace runs f on a thread in a network namespace of its own.
func inNamespace(t *testing.T, f func(inode uint32) error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		if err := netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "lo", Index: 1}}); err != nil {
			done <- err
			return
		}
		var s unix.Stat_t
		if err := unix.Stat("/proc/thread-self/ns/net", &s); err != nil {
			done <- err
			return
		}
		done <- f(uint32(s.Ino))
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A datagram to a port without a socket is dropped for that reason, on both
// versions of IP, and its bytes are told.
func TestNoSocketIsTold(t *testing.T) {
	w := open(t, nil)
	payload := []byte("nobody will read this, of all the drops of this machine")
	for _, address := range []string{"127.0.0.1:9", "[::1]:9"} {
		var inode uint32
		before := time.Now()
		inNamespace(t, func(i uint32) error {
			inode = i
			c, err := net.Dial("udp", address)
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Write(payload)
			return err
		})
		drops, err := w.Take() // the loopback interface has delivered before Write returns
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, d := range drops {
			if d.Namespace != inode || !bytes.HasSuffix(d.Packet, payload) {
				continue
			}
			found++
			if d.Reason != "NO_SOCKET" || d.Length < len(payload) || d.Time.Before(before.Add(-time.Second)) || d.Time.After(time.Now().Add(time.Second)) {
				t.Errorf("%s: %+v", address, d)
			}
		}
		if found != 1 {
			t.Errorf("%s: %d drops of %d are of ours", address, found, len(drops))
		}
	}
}

// Another namespace's drops are not told, and what the ring has no room for
// is counted.
func TestOnlyWhatIsWanted(t *testing.T) {
	inNamespace(t, func(inode uint32) error {
		other, full := open(t, &reasons.Config{Namespaces: []uint32{inode + 1}}), open(t, &reasons.Config{Namespaces: []uint32{inode}, RingBytes: 1 << 12})
		const n = 100
		for range n {
			c, err := net.Dial("udp", "127.0.0.1:9")
			if err != nil {
				return err
			}
			if _, err := c.Write([]byte("x")); err != nil {
				return err
			}
			c.Close()
		}
		drops, err := other.Take()
		for _, d := range drops {
			if d.Namespace == inode {
				t.Errorf("told of %+v", d)
			}
		}
		told, fullErr := full.Take()
		lost, lostErr := full.Lost()
		if len(told) == 0 || lost == 0 || len(told)+int(lost) < n {
			t.Errorf("%d told, %d lost, want %d together", len(told), lost, n)
		}
		return errors.Join(err, fullErr, lostErr)
	})
}

// Who may not is told so. Root tries it as another user.
func TestRefusalIsTold(t *testing.T) {
	if os.Geteuid() == 0 {
		c := exec.Command("/proc/self/exe", "-test.run=^TestRefusalIsTold$")
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		c.Dir = "/"
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("as user 65534: %v\n%s", err, out)
		}
		return
	}
	w, err := reasons.Open(nil)
	if _, ok := errors.AsType[*reasons.UnavailableError](err); !ok {
		t.Errorf("Open() = %v, %v, want an UnavailableError", w, err)
	}
}
