package capture_test

import (
	"net"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// namespace is a network namespace of one test's own, with lo up. It lasts
// as long as the thread in it.
type namespace struct {
	work chan func()
}

// newNamespace makes one. Without the right to, the test is skipped, unless
// RAWLAB_REQUIRE_NETNS says that it has to run.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	n := &namespace{work: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "lo", Index: 1}})
		}
		ready <- err
		for f := range n.work {
			f()
		}
	}()
	t.Cleanup(func() { close(n.work) })
	if err := <-ready; err != nil && os.Getenv("RAWLAB_REQUIRE_NETNS") != "" {
		t.Fatalf("RAWLAB_REQUIRE_NETNS is set, but: %v", err)
	} else if err != nil {
		t.Skipf("no right to make a network namespace: %v", err)
	}
	return n
}

// do runs f on the thread inside the namespace.
func (n *namespace) do(t *testing.T, f func() error) {
	t.Helper()
	done := make(chan error)
	n.work <- func() { done <- f() }
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// udp returns a connected pair of sockets on the namespace's lo.
func (n *namespace) udp(t *testing.T) (receiver, sender net.Conn) {
	t.Helper()
	n.do(t, func() error {
		a, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return err
		}
		receiver = a
		sender, err = net.Dial("udp4", a.LocalAddr().String())
		return err
	})
	t.Cleanup(func() {
		receiver.Close()
		sender.Close()
	})
	return receiver, sender
}
