package labs

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"rawlab/capture/account"
	"rawlab/capture/dissect"
	"rawlab/labs/report"
)

// view is what a capture in the middle tells of a run, without any key.
type view struct {
	name    string
	packets int
	flows   int            // pairs of addresses and ports
	topic   int            // how often the topic stands in a packet
	words   int            // how often one of the two words does
	asked   bool           // the name of the server that the clients ask for
	shown   bool           // the name in the certificate that it shows
	sizes   [2]int         // of the two kinds of pieces that the emitter sends most often, bytes
	pieces  []piece        // those
	right   int            // of the words, told by the pieces' sizes alone
	joined  int            // of the pieces, those that left in one record with others
	skew    time.Duration  // how far the pieces' rhythm is off the emitter's, at most
	busiest netip.AddrPort // who emits: who sends the most pieces
	emitted int
}

// piece is one record of TLS or DTLS, or one segment or datagram without.
type piece struct {
	at   time.Time
	size int
}

// Types of records that carry what applications say (RFC 8446, section 5.1;
// RFC 9146, section 4).
const (
	applicationData = 23
	withID          = 25 // DTLS, with a connection ID
)

// lookFromTheMiddle reads the capture at the client host's interface, where
// the wire begins. The words are for counting what was told right.
func lookFromTheMiddle(e *report.Evidence, words []string) view {
	v := view{name: e.Name(), emitted: len(e.Emissions)}
	parser := dissect.NewParser(dissect.LinkEthernet)
	sent := map[netip.AddrPort][]piece{}
	for _, p := range e.Taps[account.Client].Packets {
		h, err := parser.Parse(p.Data)
		if err != nil || h.Protocol != dissect.TCP && h.Protocol != dissect.UDP {
			continue
		}
		v.packets++
		v.search(h.Payload, p.Outgoing)
		if p.Outgoing {
			sent[h.Src] = append(sent[h.Src], pieces(p.Time, h.Payload, e.Variant)...)
		}
	}
	v.flows = len(sent)
	for from, list := range sent {
		if len(list) > len(sent[v.busiest]) || len(list) == len(sent[v.busiest]) && from.Compare(v.busiest) < 0 {
			v.busiest = from
		}
	}
	v.tell(e, sent[v.busiest], words)
	v.keepTime(e.Emissions)
	return v
}

// search looks for what is secret, and for the server's name.
func (v *view) search(payload []byte, outgoing bool) {
	v.topic += bytes.Count(payload, []byte(secretTopic))
	v.words += bytes.Count(payload, []byte(shortWord)) + bytes.Count(payload, []byte(longWord))
	named := bytes.Contains(payload, []byte(serverName))
	v.asked = v.asked || named && outgoing
	v.shown = v.shown || named && !outgoing
}

// pieces cuts what a packet carries where its headers, which are never
// encrypted, say so.
func pieces(at time.Time, b []byte, variant string) (list []piece) {
	switch variant {
	case "tls":
		const header = 5 // type, version, length: RFC 8446, section 5.1
		for len(b) > header {
			n := header + int(binary.BigEndian.Uint16(b[3:]))
			if b[0] == applicationData {
				list = append(list, piece{at, n - header})
			}
			b = b[min(n, len(b)):]
		}
	case "dtls":
		if len(b) > 0 && (b[0] == applicationData || b[0] == withID) {
			list = append(list, piece{at, len(b)})
		}
	default:
		if len(b) > 0 {
			list = append(list, piece{at, len(b)})
		}
	}
	return list
}

// tell takes the two sizes that come most often for the two words, the larger
// for the longer one.
func (v *view) tell(e *report.Evidence, sent []piece, words []string) {
	count := map[int]int{}
	for _, p := range sent {
		count[p.size]++
	}
	for i := range v.sizes {
		best := 0
		for size, n := range count {
			if (i == 0 || size != v.sizes[0]) && (n > count[best] || n == count[best] && size > best) {
				best = size
			}
		}
		v.sizes[i] = best
	}
	slices.Sort(v.sizes[:])
	for _, p := range sent {
		if slices.Contains(v.sizes[:], p.size) {
			v.pieces = append(v.pieces, p)
		} else if e.Variant == "tls" {
			v.part(p)
		}
	}
	for i, p := range v.pieces[:min(len(v.pieces), len(words))] {
		if (p.size == v.sizes[1]) == (words[i] == longWord) {
			v.right++
		}
	}
}

// perRecord is what TLS 1.3 adds to what it encrypts: the real type and the
// tag (RFC 8446, section 5.2).
const perRecord = 1 + 16

// part finds out how many events a record holds that is larger than for one,
// since its emitter was late and several left together. In which order the
// two words came its size does not say; the short ones are guessed first.
func (v *view) part(p piece) {
	short, long := v.sizes[0]-perRecord, v.sizes[1]-perRecord
	for n := 2; short > 0 && n*short <= p.size; n++ { // a record is of 16 KiB at most
		for longer := range n + 1 {
			if (n-longer)*short+longer*long != p.size-perRecord {
				continue
			}
			for i := range n {
				kind := 0
				if i >= n-longer {
					kind = 1
				}
				v.pieces = append(v.pieces, piece{p.at, v.sizes[kind]})
			}
			v.joined += n
			return
		}
	}
}

// keepTime holds the pieces' rhythm against the emitter's.
func (v *view) keepTime(emissions []account.Emission) {
	for i := range min(len(v.pieces), len(emissions)) {
		off := v.pieces[i].at.Sub(v.pieces[0].at) - emissions[i].Time.Sub(emissions[0].Time)
		v.skew = max(v.skew, off.Abs())
	}
}
