package fec

import (
	"encoding/binary"

	"rawlab/framing"
)

const (
	maxDatagram  = 65507               // the largest UDP payload over IPv4
	numberBytes  = framing.MinSize + 4 // of the frame that numbers a datagram, with its checksum
	parityHeader = 8 + 1 + 1 + 1       // first | k | m | index
	parityBytes  = numberBytes + parityHeader
	maxFrames    = maxDatagram - Overhead // of a datagram
	maxShard     = lengthBytes + maxFrames
	leastShard   = lengthBytes + framing.MinSize
)

// Header is what the last frame of a datagram says.
type Header struct {
	Number uint64         // of this datagram of events, from 1
	Parity framing.Parity // of a datagram of parity, which has no number
}

// AppendNumber appends the frame that numbers a datagram to its frames.
func AppendNumber(frames []byte, number uint64) []byte {
	return appendParity(frames, &framing.Frame{Kind: framing.KindParity, Flags: framing.FlagCRC, Sequence: number})
}

func appendParity(dst []byte, f *framing.Frame) []byte {
	b, err := f.Append(dst)
	if err != nil {
		panic("fec: own header cannot be encoded: " + err.Error())
	}
	return b
}

// Split takes the header off a datagram and returns the frames before it,
// none if it is parity. Found is false if the last frame is another. Invalid
// counts frames that were none: a datagram with one is as good as lost.
func Split(datagram []byte) (frames []byte, h Header, found bool, invalid int) {
	last, start, end := framing.Frame{}, 0, 0
	for f, err := range framing.Unpack(datagram) {
		if err != nil {
			invalid++
			continue
		}
		last, start, end = f, end, end+f.Size()
	}
	switch {
	case invalid > 0 || last.Kind != framing.KindParity:
		return datagram, Header{}, false, invalid
	case len(last.Payload) == 0 && last.Sequence > 0 && start > 0:
		return datagram[:start], Header{Number: last.Sequence}, true, 0
	}
	p, err := framing.ParseParity(last.Payload)
	if err != nil || start > 0 {
		return datagram, Header{}, false, 1
	}
	return nil, Header{Parity: p}, true, 0
}

// appendShard appends frames as a shard without its zeros.
func appendShard(dst, frames []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(frames)))
	return append(dst, frames...)
}

// shardLength returns the length of a shard without its zeros.
func shardLength(shard []byte) int { return lengthBytes + int(binary.BigEndian.Uint16(shard)) }

// isShard reports whether a rebuilt shard is one that was sent: every frame in
// it bears its checksum, and what is behind them is zeros.
func isShard(shard []byte) bool {
	length := shardLength(shard)
	if length == lengthBytes || length > len(shard) {
		return false
	}
	for _, b := range shard[length:] {
		if b != 0 {
			return false
		}
	}
	for _, err := range framing.Unpack(shard[lengthBytes:length]) {
		if err != nil {
			return false
		}
	}
	return true
}
