package dissect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Types of Engine.IO packets
// (https://github.com/socketio/engine.io-protocol, version 4).
var engineNames = [...]string{"open", "close", "ping", "pong", "message", "upgrade", "noop"}

const (
	engineOpen    = '0'
	enginePing    = '2'
	enginePong    = '3'
	engineMessage = '4'
	engineUpgrade = '5'
)

var engineMeanings = [...]string{
	"The server opens the session: its name, and how often it will ask whether the client is there.",
	"Ends the session.",
	"Asks whether the other side is still there; in version 4 only the server asks.",
	"Answers a ping.",
	"Carries a message of the program, or of Socket.IO.",
	"The session goes on over this WebSocket, and no more over HTTP requests.",
	"Nothing; it only ends a waiting HTTP request.",
}

// engineSession is an Engine.IO session, over WebSocket or HTTP requests.
type engineSession struct {
	version int // 3 or 4, as the client has asked for
}

// engineVersion returns which version of Engine.IO a request's target asks
// for, 0 for none.
func engineVersion(target string) int {
	_, query, _ := strings.Cut(target, "?")
	for p := range strings.SplitSeq(query, "&") {
		if v, ok := strings.CutPrefix(p, "EIO="); ok {
			n, _ := strconv.Atoi(v)
			if n == 3 || n == 4 {
				return n
			}
		}
	}
	return 0
}

// message reads a WebSocket message as a packet.
func (e *engineSession) message(s *socketSide, isBinary bool, b []byte) ([]sheet, string) {
	if isBinary {
		at := 0
		if e.version == 3 && len(b) > 0 && b[0] == 4 { // version 3 says the type there too
			at = 1
		}
		sheets, name := s.attachment(b[at:])
		return shift(sheets, at), name
	}
	return e.packet(s, b)
}

// packet reads a packet that is text.
func (e *engineSession) packet(s *socketSide, b []byte) ([]sheet, string) {
	if len(b) == 0 || b[0] < '0' || int(b[0]-'0') >= len(engineNames) {
		return []sheet{content("message", osiApplication, 0, len(b), "The program's message; only the programs know what it means.")}, "WebSocket message"
	}
	kind := int(b[0] - '0')
	l := head("Engine.IO", osiSession, 0, 1, engineMeanings[kind], Field{"type", fmt.Sprintf("%d (%s)", kind, engineNames[kind]), 0, 1})
	name := "Engine.IO " + engineNames[kind]
	rest := b[1:]
	switch {
	case b[0] == engineMessage && len(rest) > 0:
		if inner, what, ok := s.packet(rest); ok {
			return append([]sheet{l}, shift(inner, 1)...), what
		}
		return []sheet{l, shown(content("message", osiApplication, 1, len(b), "The program's message; only the programs know what it means."), rest)}, name
	case b[0] == engineOpen:
		l.Fields = append(l.Fields, engineOffer(rest)...)
	case len(rest) > 0:
		l.Fields = append(l.Fields, Field{"data", text(rest), 1, len(b)})
	}
	l.To, l.over = len(b), []span{{0, len(b)}}
	return []sheet{l}, name
}

// engineOffer names what the server's first packet says.
func engineOffer(b []byte) []Field {
	var o struct {
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int      `json:"pingInterval"`
		PingTimeout  int      `json:"pingTimeout"`
		MaxPayload   int      `json:"maxPayload"`
	}
	if json.Unmarshal(b, &o) != nil {
		return []Field{{"data", text(b), 1, 1 + len(b)}}
	}
	f := func(name, value string) Field { return Field{name, text(value), 1, 1 + len(b)} }
	return []Field{
		f("session", o.SID), f("upgrades", listed(o.Upgrades)),
		f("heartbeat", fmt.Sprintf("every %d ms, lost after %d ms more", o.PingInterval, o.PingTimeout)),
		f("largest", fmt.Sprintf("%d bytes", o.MaxPayload)),
	}
}

func listed(s []string) string {
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, ", ")
}

// shown shows content that is not in the packet as such: masked, or joined.
func shown(l sheet, b []byte) sheet {
	l.raw = false
	l.Fields = append(l.Fields, Field{"text", preview(b), l.From, l.To})
	return l
}

// polled reads the body of an HTTP request or answer that carries packets:
// those of version 4 have a separator between them. Packets of version 3 are
// left as they are.
func (e *engineSession) polled(s *socketSide, b []byte) ([]sheet, string) {
	const separator = 0x1e
	if e.version != 4 || len(b) == 0 || b[0] != 'b' && (b[0] < '0' || int(b[0]-'0') >= len(engineNames)) {
		return []sheet{content("HTTP body", osiApplication, 0, len(b), meansBody)}, "HTTP body"
	}
	var sheets []sheet
	var names []string
	at := 0
	for p := range bytes.SplitSeq(b, []byte{separator}) {
		if len(names) == maxPolled {
			sheets = append(sheets, content("more packets", osiApplication, at, len(b), "More packets of Engine.IO, not shown."))
			break
		}
		if len(p) > 0 && p[0] == 'b' { // base64, since HTTP bodies of text carry no binary
			sheets = append(sheets, content("Engine.IO binary", osiApplication, at, at+len(p), "Bytes that belong to an event, written in base64 since the body is text."))
			names = append(names, "Engine.IO binary")
		} else {
			inner, name := e.packet(s, p)
			sheets, names = append(sheets, shift(inner, at)...), append(names, name)
		}
		if at += len(p); at < len(b) {
			sheets = append(sheets, head("Engine.IO", osiSession, at, at+1, "Separates two packets in one HTTP body."))
			at++
		}
	}
	return sheets, strings.Join(names[:min(len(names), 4)], ", ")
}

// maxPolled is how many packets of one HTTP body are shown.
const maxPolled = 64
