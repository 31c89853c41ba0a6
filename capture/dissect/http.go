package dissect

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

const (
	httpMaxLine   = 8 << 10  // bytes of its first line
	httpMaxHead   = 64 << 10 // bytes of a request's or answer's head that are read
	httpMaxShown  = 48       // header fields that are shown
	httpMaxMethod = 16
)

// httpHead is the head of a request or of an answer (RFC 9112, section 2).
type httpHead struct {
	size   int // bytes, the empty line included
	fields []Field
	// first line
	method, target string // of a request
	status         int    // of an answer; 0 in a request
	line           string

	length    int64 // of the body that Content-Length announces; -1: none announced
	chunked   bool
	upgrade   string
	deflate   bool // permessage-deflate is offered or agreed on
	encoding  string
	bad       bool // contradicts itself, so nobody can tell where the body ends
	connClose bool
}

// httpStarts reports whether b may begin a head; more tells that too little
// is here to say.
func httpStarts(b []byte) (yes, more bool) {
	const answer = "HTTP/1."
	if n := min(len(b), len(answer)); string(b[:n]) == answer[:n] {
		return n == len(answer), n < len(answer)
	}
	for i, c := range b[:min(len(b), httpMaxMethod)] {
		if c == ' ' && i > 0 {
			line, _, whole := bytes.Cut(b, []byte("\r\n"))
			if !whole {
				return false, len(b) < httpMaxLine && !bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\r' })
			}
			return bytes.HasSuffix(line, []byte(" HTTP/1.1")) || bytes.HasSuffix(line, []byte(" HTTP/1.0")), false
		}
		if (c < 'A' || c > 'Z') && c != '-' {
			return false, false
		}
	}
	return false, len(b) < httpMaxMethod
}

// readHTTPHead reads a head, if all of it is in b.
func readHTTPHead(b []byte) (h *httpHead, ok bool) {
	end := bytes.Index(b[:min(len(b), httpMaxHead)], []byte("\r\n\r\n"))
	if end < 0 {
		return nil, false
	}
	h = &httpHead{size: end + 4, length: -1}
	at, shown := 0, 0
	for line := range bytes.SplitSeq(b[:end], []byte("\r\n")) {
		next := at + len(line) + 2
		if at == 0 {
			h.firstLine(line)
		} else {
			name, value := h.field(line)
			if shown++; shown <= httpMaxShown {
				h.fields = append(h.fields, Field{name, value, at, next})
			} else if shown == httpMaxShown+1 {
				h.fields = append(h.fields, Field{"more", "fields, not shown", at, end + 2})
			}
		}
		at = next
	}
	return h, true
}

func (h *httpHead) firstLine(line []byte) {
	h.line = text(line)
	first, rest, _ := strings.Cut(string(line), " ")
	if strings.HasPrefix(first, "HTTP/") {
		code, _, _ := strings.Cut(rest, " ")
		h.status, _ = strconv.Atoi(code)
		h.status = max(h.status, 1) // an answer all the same
		h.fields = append(h.fields, Field{"status", text(rest), 0, len(line) + 2})
		return
	}
	h.method = first
	h.target, _, _ = strings.Cut(rest, " ")
	h.fields = append(h.fields, Field{"request", h.line, 0, len(line) + 2})
}

// field reads one header field, and what of it decides how to read on
// (RFC 9112, section 6).
func (h *httpHead) field(line []byte) (name, value string) {
	n, v, _ := bytes.Cut(line, []byte(":"))
	name, value = string(n), strings.TrimSpace(string(v))
	switch lower := strings.ToLower(value); strings.ToLower(name) {
	case "content-length":
		size, err := strconv.ParseInt(value, 10, 48)
		h.bad = h.bad || err != nil || size < 0 || h.length >= 0 && h.length != size
		h.length = size
	case "transfer-encoding":
		h.chunked = strings.HasSuffix(lower, "chunked")
	case "content-encoding":
		h.encoding = text(lower)
	case "upgrade":
		h.upgrade = lower
	case "sec-websocket-extensions":
		h.deflate = strings.Contains(lower, "permessage-deflate")
	case "connection":
		h.connClose = strings.Contains(lower, "close")
	}
	const longest = 18
	if name = text(name); len(name) > longest {
		name, value = "field", name+": "+value
	}
	return name, text(value)
}

// sheets returns the layer of the head.
func (h *httpHead) sheets() ([]sheet, string) {
	name := "HTTP request"
	what := "HTTP " + text(h.method+" "+h.target)
	meaning := "A program asks another for something by its name; text that a person can read, after which an empty line ends the head."
	if h.status > 0 {
		name, what = "HTTP response", fmt.Sprintf("HTTP response %d", h.status)
		meaning = httpMeaning(h.status)
	}
	if h.upgrade != "" {
		if h.status == 0 {
			meaning = fmt.Sprintf("Asks to speak another protocol on this connection from now on: %s.", text(h.upgrade))
		} else if h.status == 101 {
			meaning = fmt.Sprintf("Agrees: from the next byte on, this connection speaks %s and no more HTTP.", text(h.upgrade))
		}
	}
	return []sheet{head(name, osiApplication, 0, h.size, meaning, h.fields...)}, what
}

func httpMeaning(status int) string {
	switch status / 100 {
	case 1:
		return "An answer before the answer: go on."
	case 2:
		return "The answer: it went well; what was asked for follows in the body, if there is one."
	case 3:
		return "The answer: look elsewhere, or use what you have."
	case 4:
		return "The answer: no, and the fault is with the request."
	case 5:
		return "The answer: no, and the fault is with the server."
	}
	return "The answer."
}

// bodyLength returns how many bytes of body follow a head: -1 means until the
// connection ends (RFC 9112, section 6.3). A chunked body is another matter.
func (h *httpHead) bodyLength(asked string) int64 {
	switch {
	case h.status > 0 && (asked == "HEAD" || h.status < 200 || h.status == 204 || h.status == 304):
		return 0
	case h.length >= 0:
		return h.length
	case h.status > 0:
		return -1
	}
	return 0
}

// readHTTPChunk reads the line in front of a chunk; 0 chunk bytes are the end
// of the body (RFC 9112, section 7.1).
func readHTTPChunk(b []byte) (line int, size int64, ok, more bool) {
	const longest = 256
	end := bytes.Index(b[:min(len(b), longest)], []byte("\r\n"))
	if end < 0 {
		return 0, 0, false, len(b) < longest
	}
	digits, _, _ := bytes.Cut(b[:end], []byte(";"))
	size, err := strconv.ParseInt(strings.TrimSpace(string(digits)), 16, 48)
	return end + 2, size, err == nil && size >= 0, false
}

// chunkSheets returns the layers of a chunk: its line, its bytes, its end.
func chunkSheets(line int, size int64) []sheet {
	data := line + placeOf(size)
	l := head("HTTP chunk", osiApplication, 0, line, "How many bytes follow: whoever does not know beforehand how much there will be sends it in pieces.",
		Field{"size", fmt.Sprintf("%d bytes", size), 0, line},
		Field{"end", "a line's end behind the bytes", data, data + 2})
	l.over = append(l.over, span{data, data + 2})
	return []sheet{l, content("HTTP body", osiApplication, line, data, "What was asked for, or is brought, one piece of it.")}
}

const meansBody = "What was asked for, or is brought; HTTP carries it without looking."
