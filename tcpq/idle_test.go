package tcpq_test

import (
	"encoding/binary"
	"net"
	"runtime"
	"testing"

	"rawlab/framing"
)

// idleBytes is what a silent connection may cost, its goroutine's stack and
// the other end's socket, which this process has too, included.
const idleBytes = raceFactor * 10 << 10

// TestIdleConnectionsCostLittle opens connections that subscribe, emit more
// than a small buffer holds, and fall silent.
func TestIdleConnectionsCostLittle(t *testing.T) {
	const connections = 1000
	s := serve(t, nil)
	before := memoryInUse()
	conns := make([]net.Conn, connections)
	for i := range conns {
		conns[i] = quietClient(t, s.addr, uint64(i+1))
		defer conns[i].Close()
	}
	each := (memoryInUse() - before) / connections
	t.Logf("%d bytes for each of %d connections", each, connections)
	if each > idleBytes {
		t.Errorf("a silent connection costs %d bytes, want at most %d", each, idleBytes)
	}
	want := s.Stats().BytesRead + connections*cutBytes
	for _, c := range conns {
		if _, err := c.Write(binary.BigEndian.AppendUint32(make([]byte, 0, cutBytes), 1<<16)[:cutBytes]); err != nil {
			t.Fatal(err)
		}
	}
	for s.Stats().BytesRead < want {
		runtime.Gosched()
	}
	each = (memoryInUse() - before) / connections
	t.Logf("%d bytes with a frame begun", each)
	if each > idleBytes+4*cutBytes {
		t.Errorf("a connection that has begun a frame costs %d bytes, want at most %d", each, idleBytes+4*cutBytes)
	}
}

// cutBytes is how much comes of a frame that is never finished.
const cutBytes = 1000

// memoryInUse returns the bytes of heap and stacks in use once garbage is gone.
func memoryInUse() int64 {
	for range 3 { // what a pool holds survives the first
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// quietClient shakes hands, subscribes, emits and waits until all of it was
// answered.
func quietClient(t *testing.T, addr string, origin uint64) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	h := framing.Hello{MinVersion: framing.Version, MaxVersion: framing.Version}
	hello, err := h.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := framing.NewWriter(c)
	for _, f := range []framing.Frame{
		{Kind: framing.KindHello, Origin: origin, Payload: hello},
		{Kind: framing.KindSubscribe, Sequence: 1, Topic: []byte("news"), Payload: new(framing.Subscribe).Append(nil)},
		{Kind: framing.KindEmit, Flags: framing.FlagWantAck, Origin: origin, Sequence: 1, Topic: []byte("sport"), Payload: make([]byte, 40<<10)},
	} {
		if err := w.Write(&f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 0, 1024)
	for kinds := 0; kinds < 3; { // a welcome, a receipt, an ack
		f, size, err := framing.Parse(b, 0)
		if err == nil {
			if f.Kind == framing.KindError {
				t.Fatalf("refused: %s", f.Payload)
			}
			b = b[size:]
			kinds++
			continue
		}
		n, err := c.Read(b[len(b):cap(b)])
		if err != nil {
			t.Fatal(err)
		}
		b = b[:len(b)+n]
	}
	return c
}
