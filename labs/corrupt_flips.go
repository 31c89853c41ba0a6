package labs

import (
	"errors"
	"slices"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/framing"
	"rawlab/labs/report"
)

// flipCount is what becomes of every pair of bits of one datagram's payload,
// were both flipped.
type flipCount struct {
	pairs   int // in all
	missed  int // that leave the Internet checksum as it was
	slipped int // of those, that the frame's CRC does not notice either
}

func (f flipCount) share() float64 { return float64(f.missed) / float64(max(1, f.pairs)) }

// maxFlipBytes bounds the payload that every pair of bits is tried of.
const maxFlipBytes = 1500

// flipPairs tries them all on the first datagram of a run that carries an
// event.
func flipPairs(e *report.Evidence) (flipCount, error) {
	parser := dissect.NewParser(dissect.LinkEthernet)
	for _, p := range e.Taps[account.Client].Packets {
		h, err := parser.Parse(p.Data)
		if err != nil || !p.Outgoing || h.Protocol != dissect.UDP || h.Fragment || !carries(&h) {
			continue
		}
		return countFlips(h.Payload[:min(len(h.Payload), maxFlipBytes)], readsWhole), nil
	}
	return flipCount{}, errors.New("the capture does not hold a datagram with an event")
}

// readsWhole reports whether a receiver takes a datagram for what it is.
func readsWhole(datagram []byte) bool {
	for _, err := range framing.Unpack(datagram) {
		if err != nil {
			return false
		}
	}
	return true
}

// countFlips flips every pair of bits; good tells whether the payload then
// still reads as a frame.
func countFlips(payload []byte, good func([]byte) bool) flipCount {
	b := slices.Clone(payload)
	sum := internetSum(b)
	bits := len(b) * 8
	var f flipCount
	for i := range bits {
		b[i/8] ^= 1 << (i % 8)
		for j := i + 1; j < bits; j++ {
			f.pairs++
			if (j-i)%16 != 0 { // bits of different weight cannot cancel: ±2^a ± 2^b is no multiple of 65,535
				continue
			}
			b[j/8] ^= 1 << (j % 8)
			if internetSum(b) == sum {
				f.missed++
				if good(b) {
					f.slipped++
				}
			}
			b[j/8] ^= 1 << (j % 8)
		}
		b[i/8] ^= 1 << (i % 8)
	}
	return f
}

// internetSum is the ones' complement sum of RFC 1071, section 1.
func internetSum(b []byte) uint16 {
	var sum uint32
	for i, v := range b {
		sum += uint32(v) << (8 * (1 - i%2))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
