package udpq_test

import (
	"net"
	"testing"

	"rawlab/framing"
)

// raw is a socket that speaks as a test wants, connected to a server.
type raw struct{ net.Conn }

func dialRaw(t *testing.T, s *server) raw {
	t.Helper()
	c, err := net.Dial("udp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return raw{c}
}

func (r raw) write(t *testing.T, b []byte) {
	t.Helper()
	if _, err := r.Write(b); err != nil {
		t.Fatal(err)
	}
}

// read returns the first frame of the next datagram.
func (r raw) read(t *testing.T) framing.Frame {
	t.Helper()
	b := make([]byte, 1<<16)
	n, err := r.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	for f, err := range framing.Unpack(b[:n]) {
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	t.Fatal("an empty datagram came")
	return framing.Frame{}
}

func frame(t testing.TB, f framing.Frame) []byte {
	t.Helper()
	f.Flags |= framing.FlagCRC
	b, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
