package dissect_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"

	"rawlab/capture/dissect"
	"rawlab/framing"
)

// TestHollowFrames: packets that claim far more bytes than the capture has
// cost no memory for them, however many flows there are.
func TestHollowFrames(t *testing.T) {
	const flows, segments, claimed = 600, 8, 60_000 // 288 MB
	large := emit(t, 1, 1, "news", "")
	binary.BigEndian.PutUint32(large, framing.DefaultLimit-4) // the largest frame begins
	a := dissect.NewAssembler(&dissect.Options{LinkType: dissect.LinkEthernet})
	before := heap()
	for i := range flows {
		src := netip.AddrPortFrom(client4.Addr(), uint16(1000+i))
		a.Add(0, epoch, tcpPacket(t, segment{src: src, dst: server4, seq: 0, syn: true, noA: true}))
		for j := range segments {
			p := tcpPacket(t, segment{src: src, dst: server4, seq: uint32(1 + j*claimed), payload: large})
			binary.BigEndian.PutUint16(p[16:], uint16(20+32+claimed))
			p[24], p[25] = 0, 0 // the header's checksum is left to hardware
			a.Add(1+j, epoch, p)
		}
	}
	if grown := heap() - before; grown > 160<<20 {
		t.Errorf("%d packets of %d bytes took %d MiB", flows*segments, 66+len(large), grown>>20)
	}
	if s := a.Stats(); s.Missing == 0 {
		t.Errorf("Stats() = %+v, want the bytes that are not there", s)
	}
	runtime.KeepAlive(a)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestScatteredStream: a stream of which every segment waits for the one
// before it, tens of thousands of them, is read to its end all the same.
func TestScatteredStream(t *testing.T) {
	b := events(t, 400)
	c := (&conversation{t: t, isn: 5}).syn()
	for i := len(b) - 1; i >= 0; i-- {
		c.data(i, b[i:i+1])
	}
	frames, a := assemble(nil, c.packets...)
	whole := 0
	for _, f := range frames {
		if f.Err == nil {
			whole++
		}
	}
	if flows := a.Flows(); len(flows) != 1 || flows[0].Packets != len(c.packets) || whole == 0 {
		t.Errorf("%d whole frames in %+v, want some", whole, flows)
	}
}
