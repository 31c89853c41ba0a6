package dissect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Types of Socket.IO packets
// (https://github.com/socketio/socket.io-protocol, version 5).
var socketNames = [...]string{"connect", "disconnect", "event", "ack", "connect error", "binary event", "binary ack"}

const (
	socketEvent       = 2
	socketAck         = 3
	socketBinaryEvent = 5
	socketBinaryAck   = 6
)

var socketMeanings = [...]string{
	"Enters a namespace, or tells the client under which name it has entered.",
	"Leaves a namespace.",
	"An event with its name and its arguments, written as JSON: naming and writing things down is all that is left to do up here.",
	"Confirms an event, program to program, with arguments of its own.",
	"The server does not let the client into the namespace.",
	"An event of which some arguments are bytes; they follow in messages of their own.",
	"Confirms an event with arguments of which some are bytes; they follow in messages of their own.",
}

// socketSide is one direction of Socket.IO.
type socketSide struct {
	missing, of int // attachments that are still to come, and how many there are
}

// packet reads a packet: type, number of attachments, namespace, number for
// the acknowledgement, and JSON.
func (s *socketSide) packet(b []byte) (sheets []sheet, name string, ok bool) {
	kind := int(b[0]) - '0'
	if kind < 0 || kind >= len(socketNames) {
		return nil, "", false
	}
	fields := []Field{{"type", fmt.Sprintf("%d (%s)", kind, socketNames[kind]), 0, 1}}
	at := 1
	digits := func(end byte) (n, to int, ok bool) {
		to = at
		for to < len(b) && b[to] >= '0' && b[to] <= '9' {
			to++
		}
		n, err := strconv.Atoi(string(b[at:to]))
		return n, to, err == nil && (end == 0 || to < len(b) && b[to] == end)
	}
	if kind == socketBinaryEvent || kind == socketBinaryAck {
		n, to, ok := digits('-')
		if !ok {
			return nil, "", false
		}
		s.missing, s.of = n, n
		fields = append(fields, Field{"attachments", fmt.Sprintf("%d, in the messages that follow", n), at, to + 1})
		at = to + 1
	}
	if at < len(b) && b[at] == '/' {
		end := at + bytes.IndexByte(append(b[at:len(b):len(b)], ','), ',')
		fields = append(fields, Field{"namespace", text(b[at:end]), at, min(end+1, len(b))})
		at = min(end+1, len(b))
	}
	if n, to, ok := digits(0); ok {
		fields = append(fields, Field{"number", fmt.Sprintf("%d, which the acknowledgement repeats", n), at, to})
		at = to
	}
	rest := b[at:]
	if len(rest) > 0 && !json.Valid(rest) {
		return nil, "", false
	}
	name = "Socket.IO " + socketNames[kind]
	if kind == socketEvent || kind == socketBinaryEvent {
		if event, ok := eventName(rest); ok {
			fields = append(fields, Field{"event", event, at, len(b)})
			name += " " + event
		}
	}
	l := head("Socket.IO", osiApplication, 0, at, socketMeanings[kind], fields...)
	if len(rest) == 0 {
		return []sheet{l}, name, true
	}
	return []sheet{l, shown(content("JSON", osiPresentation, at, len(b), "The event's name and arguments written as text, which programs in any language read alike."), rest)}, name, true
}

// eventName returns the first item of an event's JSON.
func eventName(b []byte) (string, bool) {
	var items []json.RawMessage
	var name string
	if json.Unmarshal(b, &items) != nil || len(items) == 0 || json.Unmarshal(items[0], &name) != nil {
		return "", false
	}
	return strconv.Quote(text(name)), true
}

// attachment reads bytes that belong to the event before them.
func (s *socketSide) attachment(b []byte) ([]sheet, string) {
	if s.missing == 0 {
		return []sheet{content("binary message", osiApplication, 0, len(b), "Bytes of the program; only the programs know what they mean.")}, "Engine.IO binary message"
	}
	n := s.of - s.missing + 1
	s.missing--
	what := fmt.Sprintf("attachment %d of %d", n, s.of)
	l := shown(content("Socket.IO attachment", osiApplication, 0, len(b), "Bytes that are an argument of the event before, where JSON has only a place for them."), b)
	l.Fields = append(l.Fields, Field{"attachment", what, 0, len(b)})
	return []sheet{l}, "Socket.IO " + what
}
