package udpq_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"rawlab/udpq"
)

// TestOwnSocket holds the socket of Listen to what net.PacketConn promises.
func TestOwnSocket(t *testing.T) {
	conn, err := udpq.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 16)
	conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, _, err := conn.ReadFrom(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("ReadFrom with nothing there = %v, want os.ErrDeadlineExceeded", err)
	}
	conn.SetReadDeadline(time.Time{})
	if _, err := conn.WriteTo([]byte("hello"), conn.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	n, from, err := conn.ReadFrom(b)
	if err != nil || string(b[:n]) != "hello" || from.String() != conn.LocalAddr().String() {
		t.Errorf("ReadFrom = %q from %v, %v, want hello from %v", b[:n], from, err, conn.LocalAddr())
	}

	conn.SetWriteDeadline(time.Unix(1, 0))
	if _, err := conn.WriteTo(b, conn.LocalAddr()); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("WriteTo when its time is over = %v, want os.ErrDeadlineExceeded", err)
	}
	conn.SetDeadline(time.Time{})

	ended := make(chan error, 2) // one for each reader
	read := func() {
		_, _, err := conn.ReadFrom(make([]byte, 16))
		ended <- err
	}
	go read()
	conn.SetReadDeadline(time.Unix(1, 0))
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a reader whose time is over gets %v, want os.ErrDeadlineExceeded", err)
	}
	conn.SetReadDeadline(time.Time{})
	go read()
	go read()
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("a reader of a socket that is closed gets %v, want net.ErrClosed", err)
		}
	}
	if _, err := conn.WriteTo(b, conn.LocalAddr()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("WriteTo a closed socket = %v, want net.ErrClosed", err)
	}
	if err := conn.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("SetDeadline of a closed socket = %v, want net.ErrClosed", err)
	}
	if err := conn.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Close again = %v, want net.ErrClosed", err)
	}
}

// TestOwnSocketsAreFew holds that there may be more sockets than those with a
// thread of their own.
func TestOwnSocketsAreFew(t *testing.T) {
	for range 20 {
		conn, err := udpq.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.WriteTo([]byte("hello"), conn.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if n, from, err := conn.ReadFrom(make([]byte, 16)); err != nil || n != 5 || from.String() != conn.LocalAddr().String() {
			t.Fatalf("ReadFrom = %d bytes from %v, %v", n, from, err)
		}
	}
}
