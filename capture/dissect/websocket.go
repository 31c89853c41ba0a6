package dissect

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Opcodes of WebSocket frames (RFC 6455, section 5.2).
const (
	wsContinuation = 0
	wsText         = 1
	wsBinary       = 2
	wsClose        = 8
	wsPing         = 9
	wsPong         = 10
)

var wsNames = map[byte]string{
	wsContinuation: "continuation", wsText: "text", wsBinary: "binary", wsClose: "close", wsPing: "ping", wsPong: "pong",
}

const (
	wsMaxHeader = 14
	wsMaxJoined = 1 << 20 // bytes of a message that is put together from frames
)

// wsFrame is the header of a WebSocket frame.
type wsFrame struct {
	opcode              byte
	fin, masked         bool
	reserved            byte
	key                 [4]byte
	header              int   // bytes
	size                int64 // of the payload
	lengthTo, maskStart int
}

// readWSFrame reads a header; ok is false of one that breaks the rules, more
// of one that is not all here.
func readWSFrame(b []byte) (f wsFrame, ok, more bool) {
	if len(b) < 2 {
		return f, false, true
	}
	f.fin, f.reserved, f.opcode, f.masked = b[0]&0x80 != 0, b[0]>>4&7, b[0]&15, b[1]&0x80 != 0
	f.size, f.header = int64(b[1]&0x7f), 2
	extra := map[int64]int{126: 2, 127: 8}[f.size]
	f.lengthTo = 2 + extra
	f.header += extra
	if f.masked {
		f.maskStart = f.header
		f.header += 4
	}
	if len(b) < f.header {
		return f, false, true
	}
	switch extra {
	case 2:
		f.size = int64(binary.BigEndian.Uint16(b[2:]))
	case 8:
		f.size = int64(binary.BigEndian.Uint64(b[2:]))
	}
	if f.masked {
		f.key = [4]byte(b[f.maskStart:])
	}
	control := f.opcode >= wsClose
	ok = wsNames[f.opcode] != "" && f.reserved&3 == 0 && f.size >= 0 && f.size < 1<<48 && (!control || f.fin && f.size <= 125 && f.reserved == 0)
	return f, ok, false
}

// unmask returns the payload as the program wrote it.
func (f *wsFrame) unmask(b []byte) []byte {
	if !f.masked {
		return b
	}
	out := slices.Clone(b)
	for i := range out {
		out[i] ^= f.key[i&3]
	}
	return out
}

// sheet returns the frame's own layer.
func (f *wsFrame) sheet() sheet {
	flags := "another frame continues it"
	if f.fin {
		flags = "the message's last frame"
	}
	if f.reserved&4 != 0 {
		flags += ", compressed (permessage-deflate)"
	}
	l := head("WebSocket", osiSession, 0, f.header, f.meaning(),
		Field{"flags", flags, 0, 1},
		Field{"opcode", fmt.Sprintf("%d (%s)", f.opcode, wsNames[f.opcode]), 0, 1},
		Field{"length", fmt.Sprintf("%d bytes", f.size), 1, f.lengthTo})
	if f.masked {
		l.Fields = append(l.Fields, Field{"masking key", fmt.Sprintf("%x", f.key), f.maskStart, f.header})
	}
	return l
}

func (f *wsFrame) meaning() string {
	switch f.opcode {
	case wsClose:
		return "Ends the conversation, and says why."
	case wsPing:
		return "Asks whether the other side is still there; it sends the same bytes back."
	case wsPong:
		return "Answers a ping."
	}
	s := "Makes messages out of TCP's stream, in both directions at once; a session's work, though all of it is the application's in TCP/IP."
	if f.masked {
		s = "Makes messages out of TCP's stream; clients mask theirs, so that no device on the way takes them for something else."
	}
	return s
}

// wsSide is one direction of a WebSocket conversation.
type wsSide struct {
	engine   *engineSession // nil: no Engine.IO inside
	deflate  bool
	opcode   byte // of the message being put together
	packed   bool // it is compressed
	frames   int  // of it so far
	joined   []byte
	tooLarge bool
	sio      socketSide
}

// frame reads a whole frame; b is all of it.
func (s *wsSide) frame(f *wsFrame, b []byte) ([]sheet, string) {
	l := f.sheet()
	payload := f.unmask(b[f.header:])
	name := "WebSocket " + wsNames[f.opcode]
	at := f.header
	if f.opcode >= wsClose {
		return s.control(f, l, payload), name
	}
	if f.opcode != wsContinuation {
		s.opcode, s.packed, s.frames, s.joined, s.tooLarge = f.opcode, f.reserved&4 != 0, 0, nil, false
	}
	s.frames++
	if s.frames > 1 || !f.fin {
		if s.tooLarge = s.tooLarge || len(s.joined)+len(payload) > wsMaxJoined; !s.tooLarge {
			s.joined = append(s.joined, payload...)
		}
		if s.tooLarge {
			s.joined = nil
		}
	}
	whole := payload
	if s.frames > 1 {
		whole = s.joined
	}
	l.Fields = append(l.Fields, s.progress(f)...)
	switch {
	case s.packed:
		return []sheet{l, content("compressed message", osiPresentation, at, len(b), "The program's message, made smaller for the way; only the two ends undo that.")}, name
	case !f.fin || s.tooLarge:
		return []sheet{l, unmasked(content("message", osiApplication, at, len(b), "A piece of the program's message."), f, payload)}, name
	case s.engine != nil:
		inner, what := s.engine.message(&s.sio, s.opcode == wsBinary, whole)
		return append([]sheet{l}, settle(inner, at, len(payload), len(whole))...), what
	}
	return []sheet{l, unmasked(content("message", osiApplication, at, len(b), "The program's message; only the programs know what it means."), f, whole)}, name
}

// progress tells of a message in several frames how far it is.
func (s *wsSide) progress(f *wsFrame) []Field {
	switch {
	case s.frames == 1 && f.fin:
		return nil
	case !f.fin:
		return []Field{{"message", fmt.Sprintf("%s, its frame %d", wsNames[s.opcode], s.frames), 0, 1}}
	case s.tooLarge:
		return []Field{{"message", fmt.Sprintf("%s, in %d frames, larger than is put together here", wsNames[s.opcode], s.frames), 0, 1}}
	}
	return []Field{{"message", fmt.Sprintf("%s, put together from %d frames: %d bytes", wsNames[s.opcode], s.frames, len(s.joined)), 0, 1}}
}

// unmasked shows content as the program wrote it.
func unmasked(l sheet, f *wsFrame, payload []byte) sheet {
	if len(payload) > 0 && (f.masked || len(payload) != l.To-l.From) {
		l.raw = false
		l.Fields = append(l.Fields, Field{"unmasked", preview(payload), l.From, l.To})
		if !f.masked {
			l.Fields[len(l.Fields)-1].Name = "whole message"
		}
	}
	return l
}

// settle places layers of a message of that many bytes in the last frame,
// which begins at a place and has some of them.
func settle(inner []sheet, at, here, whole int) []sheet {
	before := whole - here // bytes in frames before this one
	shift(inner, at-before)
	for i := range inner {
		l := &inner[i]
		l.From, l.To = max(l.From, at), max(l.To, at)
		for j := range l.Fields {
			l.Fields[j].From, l.Fields[j].To = max(l.Fields[j].From, at), max(l.Fields[j].To, at)
		}
		for j := range l.over {
			l.over[j].from, l.over[j].to = max(l.over[j].from, at), max(l.over[j].to, at)
		}
	}
	return inner
}

var wsCodes = map[uint16]string{
	1000: "normal", 1001: "going away", 1002: "protocol error", 1003: "cannot take this kind of data", 1007: "not the text it claims to be", 1008: "against the rules",
	1009: "message too large", 1010: "an extension is missing", 1011: "the server failed", 1012: "the server restarts", 1013: "try again later",
}

// control reads a control frame's payload (RFC 6455, section 5.5).
func (s *wsSide) control(f *wsFrame, l sheet, payload []byte) []sheet {
	at, to := f.header, f.header+len(payload)
	switch {
	case len(payload) == 0:
		return []sheet{l}
	case f.opcode == wsClose && len(payload) >= 2:
		code := binary.BigEndian.Uint16(payload)
		l.Fields = append(l.Fields, Field{"code", fmt.Sprintf("%d (%s)", code, cmp.Or(wsCodes[code], "of the program's own")), at, at + 2})
		if len(payload) > 2 {
			l.Fields = append(l.Fields, Field{"reason", text(payload[2:]), at + 2, to})
		}
	default:
		l.Fields = append(l.Fields, Field{"bytes", preview(payload), at, to})
	}
	l.To, l.over = to, []span{{0, to}}
	return []sheet{l}
}

// wsStarts reports whether b, where a segment begins, looks like a WebSocket
// conversation under way: frames of text that a person could read, to the
// last byte of b.
func wsStarts(b []byte) bool {
	words := 0
	for len(b) > 0 {
		f, ok, more := readWSFrame(b)
		if !ok || more || f.size > int64(len(b)-f.header) || !f.fin || f.reserved != 0 {
			return false
		}
		size := f.header + int(f.size)
		if f.opcode == wsText {
			p := f.unmask(b[f.header:size])
			if !utf8.Valid(p) || slices.ContainsFunc([]rune(string(p)), func(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) }) {
				return false
			}
			words += len(p)
		} else if f.opcode < wsClose {
			return false
		}
		b = b[size:]
	}
	return words >= 2
}
