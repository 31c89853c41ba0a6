package framing

import (
	"bytes"
	"fmt"
)

// Version is the protocol version this package speaks.
const Version = 1

const (
	prefixBytes   = 4  // the length prefix
	headerBytes   = 32 // length prefix and fixed header
	offsetBytes   = 8
	checksumBytes = 4

	// MinSize is the size in bytes of the smallest whole frame, prefix included.
	MinSize = headerBytes
	// MaxTopic is the longest topic in bytes.
	MaxTopic = 255
	// DefaultLimit is the largest whole frame in bytes that a reader accepts unless told otherwise.
	DefaultLimit = 1 << 20
)

// Kind tells what a frame is for.
type Kind uint8

// The kinds. Their numbers are part of the format.
const (
	KindHello       Kind = 1  // client → server: versions, identity, credentials ([Hello])
	KindWelcome     Kind = 2  // server → client: chosen version, granted identity, limits ([Welcome])
	KindSubscribe   Kind = 3  // client → server: deliver a topic, or a pattern of topics ([Subscribe])
	KindUnsubscribe Kind = 4  // client → server: stop delivering a topic
	KindEmit        Kind = 5  // client → server: an event
	KindEvent       Kind = 6  // server → client: an event
	KindAck         Kind = 7  // accepted or delivered, up to and including sequence (or offset)
	KindNack        Kind = 8  // these sequences, with FlagOffset these offsets, are missing ([Ranges])
	KindFragment    Kind = 9  // part of a frame too large for a datagram ([Fragment])
	KindParity      Kind = 10 // redundancy for a group of frames ([Parity])
	KindPing        Kind = 11 // are you there? sequence and time come back in the pong
	KindPong        Kind = 12 // answer to a ping
	KindReceipt     Kind = 13 // server → client: what a subscription starts with ([Receipt])
	KindError       Kind = 14 // something was refused; code says why, payload says it in words
	KindBye         Kind = 15 // the sender ends the conversation in good order
	KindMove        Kind = 16 // client → server: a session goes on from this address; payload proves whose it is

	MaxKind = KindMove // the highest of this version
)

var kindNames = [...]string{
	KindHello: "hello", KindWelcome: "welcome", KindSubscribe: "subscribe", KindUnsubscribe: "unsubscribe",
	KindEmit: "emit", KindEvent: "event", KindAck: "ack", KindNack: "nack", KindFragment: "fragment",
	KindParity: "parity", KindPing: "ping", KindPong: "pong", KindReceipt: "receipt", KindError: "error", KindBye: "bye", KindMove: "move",
}

// Valid reports whether k is a kind of this version.
func (k Kind) Valid() bool { return k >= KindHello && k <= MaxKind }

// String returns the kind's name, or its number if it has none.
func (k Kind) String() string {
	if k.Valid() {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Flags modify a frame.
type Flags uint8

// The flags. Their values are part of the format; the others must be zero.
const (
	FlagCRC         Flags = 1 << iota // a CRC-32C ends the frame
	FlagOffset                        // a log offset follows the fixed header
	FlagWantAck                       // emit: acknowledge once it is safe
	FlagReplayed                      // event: comes out of the store, not live
	FlagRequest                       // emit, event: whoever gets it may reply
	FlagReply                         // emit, event: answers a request ([Reply])
	FlagRedelivered                   // event: this subscriber was sent it before and has not acknowledged it

	knownFlags = FlagCRC | FlagOffset | FlagWantAck | FlagReplayed | FlagRequest | FlagReply | FlagRedelivered
)

// Code says why something was refused, in error, ack and bye frames.
type Code uint8

// The codes. Their numbers are part of the format.
const (
	CodeOK           Code = 0
	CodeVersion      Code = 1 // no common version
	CodeInvalid      Code = 2 // the frame, or its place in the conversation, makes no sense
	CodeTooLarge     Code = 3 // over the frame limit
	CodeUnauthorized Code = 4
	CodeLimit        Code = 5 // connections, topics, subscriptions, …
	CodeFull         Code = 6 // a bounded queue was full and its policy refuses
	CodeShutdown     Code = 7 // the server is stopping
	CodeTimeout      Code = 8
	CodeInternal     Code = 9
	CodeNobody       Code = 10 // nobody listens to what a request was emitted to
	CodeGone         Code = 11 // everybody who was asked has gone without a reply
	CodeRetry        Code = 12 // ask again, with the offset of this frame: it shows that your address is yours
)

var codeNames = [...]string{"ok", "version", "invalid", "too large", "unauthorized", "limit", "full", "shutdown", "timeout", "internal", "nobody", "gone", "retry"}

// String returns the code's name, or its number if it has none.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("code(%d)", uint8(c))
}

// Frame is one decoded frame. Topic and Payload alias the buffer it was
// decoded from.
type Frame struct {
	Kind     Kind
	Flags    Flags
	Code     Code
	Origin   uint64 // who emitted the event; elsewhere the sender or the one spoken of
	Sequence uint64 // the event's number at its origin, from 1
	Time     uint64 // emit time, nanoseconds since the Unix epoch
	Offset   uint64 // position in the topic's log, or what the kind says; only with FlagOffset
	Topic    []byte // at most MaxTopic bytes
	Payload  []byte
}

// Size returns the encoded size in bytes, length prefix included.
func (f *Frame) Size() int {
	n := headerBytes + len(f.Topic) + len(f.Payload)
	if f.Flags&FlagOffset != 0 {
		n += offsetBytes
	}
	if f.Flags&FlagCRC != 0 {
		n += checksumBytes
	}
	return n
}

// Clone returns a copy that owns its memory.
func (f *Frame) Clone() Frame {
	c := *f
	c.Topic = bytes.Clone(f.Topic)
	c.Payload = bytes.Clone(f.Payload)
	return c
}
