package dissect

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"testing"
)

// sameHeaders compares what both ways make of a packet that the fast one
// takes.
func sameHeaders(t *testing.T, data []byte) (fast bool) {
	t.Helper()
	var got Headers
	if !got.fast(data) {
		if !reflect.DeepEqual(got, Headers{}) {
			t.Errorf("% x: refused, but left %+v", data, got)
		}
		return false
	}
	want, err := NewParser(LinkEthernet).parse(data)
	if err != nil || !reflect.DeepEqual(want, got) {
		t.Errorf("% x:\ngopacket %+v, %v\nfast     %+v", data, want, err, got)
	}
	return true
}

// plain returns a packet that the fast way takes, nearly always.
func plain(r *rand.Rand) []byte {
	data := make([]byte, 14, 200)
	options := 4 * r.IntN(4)
	size := 20 + options + r.IntN(60)
	protocol := byte(6)
	if r.IntN(2) == 0 {
		protocol, size = 17, 8+r.IntN(60)
	}
	if r.IntN(2) == 0 {
		data[12], data[13] = 8, 0
		ip := binary.BigEndian.AppendUint16([]byte{0x45, 0}, uint16(20+size))
		data = append(append(data, ip...), 1, 2, 0x40, 0, 64, protocol, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2)
	} else {
		data[12], data[13] = 0x86, 0xdd
		data = append(binary.BigEndian.AppendUint16(append(data, 0x60, 0, 0, 0), uint16(size)), protocol, 64)
		for range 32 {
			data = append(data, byte(r.Uint32()))
		}
	}
	at := len(data)
	for range size {
		data = append(data, byte(r.Uint32()))
	}
	t := data[at:]
	if protocol == 17 {
		binary.BigEndian.PutUint16(t[4:], uint16(size))
	} else {
		t[12] = byte(5+options/4) << 4
		for i := range options {
			t[20+i] = byte(r.IntN(2))
		}
		if options >= 12 {
			copy(t[20:], []byte{8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0})
		}
	}
	for range r.IntN(3) { // Ethernet pads short frames
		data = append(data, 0)
	}
	return data
}

func TestFastReadsTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	fast := 0
	const packets = 30_000
	for n := range packets {
		data := plain(r)
		if n%2 == 1 { // anything may be wrong
			for range 1 + r.IntN(3) {
				data[r.IntN(len(data))] = byte(r.Uint32())
			}
			data = data[:len(data)-r.IntN(2)*r.IntN(len(data))]
		}
		if sameHeaders(t, data) {
			fast++
		} else if n%2 == 0 {
			t.Fatalf("% x takes the slow way", data)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d of %d packets took the fast way", fast, packets)
}

func FuzzFast(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		f.Add(plain(r))
	}
	f.Fuzz(func(t *testing.T, data []byte) { sameHeaders(t, data) })
}
