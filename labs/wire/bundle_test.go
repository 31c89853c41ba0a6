package wire

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestBundlesCutIntoTheSameFrames cuts bundles as RFC-minded network cards
// and Linux do, and wants the frames back, whatever was wrong with them.
func TestBundlesCutIntoTheSameFrames(t *testing.T) {
	bundles := 0
	rapid.Check(t, func(t *rapid.T) {
		parcels := drawFlow(t)
		for range rapid.IntRange(0, 3).Draw(t, "flips") {
			f := parcels[rapid.IntRange(0, len(parcels)-1).Draw(t, "frame")].frame
			at := rapid.IntRange(0, min(len(f), 90)*8-1).Draw(t, "bit")
			f[at/8] ^= 1 << (at % 8)
		}
		for i := range parcels {
			in := slices.Clone(parcels[i].frame)
			parcels[i] = copyParcel(make([]byte, 0, frameBytes), in)
			if p := newParcel(in); p.outline != parcels[i].outline || !bytes.Equal(parcels[i].frame, in) {
				t.Fatalf("copied: %v of %x; in place: %v of %x", parcels[i].outline, parcels[i].frame, p.outline, in)
			}
		}
		for len(parcels) > 0 {
			n := bundled(parcels)
			if n > 1 {
				bundles++
				sameFrames(t, parcels[:n])
			}
			parcels = parcels[n:]
		}
	})
	if bundles == 0 {
		t.Error("no bundle was ever made")
	}
}

func sameFrames(t *rapid.T, bundle []parcel) {
	head := make([]byte, offloadBytes+maxHeaders)
	head = head[:wrap(head, bundle)]
	whole := slices.Clone(head[offloadBytes:])
	for i := range bundle {
		whole = append(whole, bundle[i].frame[bundle[i].outline.payload:]...)
	}
	got := cut(head[:offloadBytes], whole)
	if len(got) != len(bundle) {
		t.Fatalf("%d frames became %d", len(bundle), len(got))
	}
	for i := range got {
		if !bytes.Equal(got[i], bundle[i].frame) {
			t.Fatalf("frame %d of %d:\nsent %x\ncame %x", i, len(got), bundle[i].frame, got[i])
		}
	}
}

// cut does what segmentation offload does, from scratch: each piece gets the
// headers with its own lengths, numbers and checksums.
func cut(offload, whole []byte) (frames [][]byte) {
	header := int(binary.NativeEndian.Uint16(offload[2:]))
	size := int(binary.NativeEndian.Uint16(offload[4:]))
	transport := int(binary.NativeEndian.Uint16(offload[6:]))
	checksum := transport + int(binary.NativeEndian.Uint16(offload[8:]))
	tcp, ip6 := checksum == transport+16, transport == 54
	payload := whole[header:]
	for at := 0; at < len(payload); at += size {
		piece := payload[at:min(at+size, len(payload))]
		last := at+size >= len(payload)
		f := append(slices.Clone(whole[:header]), piece...)
		if ip6 {
			binary.BigEndian.PutUint16(f[18:], uint16(len(f)-54))
		} else {
			binary.BigEndian.PutUint16(f[16:], uint16(len(f)-14))
			binary.BigEndian.PutUint16(f[18:], binary.BigEndian.Uint16(f[18:])+uint16(len(frames)))
			seal(f[14:34], 10, 0)
		}
		protocol := f[23]
		addresses := f[26:34]
		if ip6 {
			protocol, addresses = f[20], f[22:54]
		}
		if tcp {
			binary.BigEndian.PutUint32(f[transport+4:], binary.BigEndian.Uint32(f[transport+4:])+uint32(at))
			if !last {
				f[transport+13] &^= 0x09 // FIN and PSH
			}
		} else {
			binary.BigEndian.PutUint16(f[transport+4:], uint16(len(f)-transport))
		}
		seal(f[transport:], checksum-transport, words(addresses)+uint64(protocol)+uint64(len(f)-transport))
		if !tcp && f[checksum] == 0 && f[checksum+1] == 0 {
			f[checksum], f[checksum+1] = 0xff, 0xff // RFC 768: 0 means none
		}
		frames = append(frames, f)
	}
	return frames
}

// seal puts the checksum of b, which begins with start, at its place.
func seal(b []byte, at int, start uint64) {
	b[at], b[at+1] = 0, 0
	s := start + words(b)
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	binary.BigEndian.PutUint16(b[at:], ^uint16(s))
}

// words adds up 16-bit words, one by one.
func words(b []byte) (s uint64) {
	for i, x := range b {
		s += uint64(x) << (8 * (1 - i%2))
	}
	return s
}

// drawFlow draws neighbouring frames: mostly what one sender would send.
func drawFlow(t *rapid.T) (parcels []parcel) {
	ip6, tcp := rapid.Bool().Draw(t, "IPv6"), rapid.Bool().Draw(t, "TCP")
	size := rapid.SampledFrom([]int{1, 2, 17, 128, 500, 1400}).Draw(t, "payload")
	id, sequence := rapid.Uint16().Draw(t, "identification"), rapid.Uint32().Draw(t, "sequence")
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	for i := range rapid.IntRange(1, 12).Draw(t, "frames") {
		n := size
		if rapid.IntRange(0, 9).Draw(t, "odd one") == 0 {
			n = rapid.IntRange(1, 1400).Draw(t, "its payload")
		}
		payload := make([]byte, n)
		for j := range payload {
			payload[j] = byte(random.Uint32())
		}
		flags := byte(0x10)
		if rapid.IntRange(0, 5).Draw(t, "pushed") == 0 {
			flags |= rapid.SampledFrom([]byte{0x08, 0x01, 0x09, 0x40}).Draw(t, "flags")
		}
		parcels = append(parcels, parcel{frame: buildFrame(ip6, tcp, id+uint16(i), sequence, flags, payload)})
		sequence += uint32(n)
	}
	return parcels
}

// buildFrame is a frame as a host would send it.
func buildFrame(ip6, tcp bool, id uint16, sequence uint32, flags byte, payload []byte) []byte {
	var t []byte
	if tcp {
		t = binary.BigEndian.AppendUint32([]byte{0x9c, 0x40, 0x23, 0x28}, sequence)
		t = append(t, 1, 2, 3, 4, 8<<4, flags, 0x10, 0, 0, 0, 0, 0, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2)
	} else {
		t = binary.BigEndian.AppendUint16([]byte{0x9c, 0x40, 0x23, 0x28}, uint16(8+len(payload)))
		t = append(t, 0, 0)
	}
	t = append(t, payload...)
	f := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}
	protocol := byte(ProtocolUDP)
	checksum := 6
	if tcp {
		protocol, checksum = ProtocolTCP, 16
	}
	if ip6 {
		f = append(f, 0x86, 0xdd, 0x60, 0, 0, 7)
		f = append(binary.BigEndian.AppendUint16(f, uint16(len(t))), protocol, 64)
		f = append(f, bytes.Repeat([]byte{0xfd}, 31)...)
		f = append(f, 2)
		seal(t, checksum, words(f[22:54])+uint64(protocol)+uint64(len(t)))
	} else {
		f = append(f, 0x08, 0x00, 0x45, 0)
		f = binary.BigEndian.AppendUint16(f, uint16(20+len(t)))
		f = binary.BigEndian.AppendUint16(f, id)
		f = append(f, 0x40, 0, 64, protocol, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2)
		seal(f[14:34], 10, 0)
		seal(t, checksum, words(f[26:34])+uint64(protocol)+uint64(len(t)))
	}
	return append(f, t...)
}

func BenchmarkCopyParcel(b *testing.B) {
	f := buildFrame(false, true, 1, 1, 0x10, make([]byte, 1448))
	buffer := make([]byte, 0, frameBytes)
	b.SetBytes(int64(len(f)))
	b.ReportAllocs()
	for b.Loop() {
		if copyParcel(buffer, f).outline.payload == 0 {
			b.Fatal("not a frame for bundles")
		}
	}
}
