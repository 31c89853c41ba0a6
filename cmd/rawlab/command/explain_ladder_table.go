package command

import (
	"encoding/json"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// ladderTable has a row for each packet of a ladder.
type ladderTable struct{ table }

func newLadderTable() *ladderTable {
	return &ladderTable{table{header: []string{"packet", "seconds", "from", "to", "protocol", "what", "frames", "arrived_as", "travelled_us", "fate", "left_out_before"}}}
}

func (t *ladderTable) addLadder(l *ladder) {
	for _, r := range l.rungs {
		number, as, travelled := strconv.Itoa(r.packet), "", ""
		if r.sample != nil {
			number = ""
		}
		if !r.came.IsZero() {
			as, travelled = strconv.Itoa(r.comeAs), strconv.FormatFloat(microseconds(r.came.Sub(r.at)), 'f', 3, 64)
		}
		what := r.words(false)
		what = what[:len(what)-len(r.events)]
		t.rows = append(t.rows, []string{
			number, strconv.FormatFloat(r.at.Sub(l.rungs[0].at).Seconds(), 'f', 9, 64), endText(r.src), endText(r.dst), r.protocol.String(),
			strings.Join(what, ", "), strings.Join(r.events, ", "), as, travelled, r.fate, strconv.Itoa(r.before),
		})
	}
}

// endText is an address with its port, where there is one.
func endText(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

type (
	ladderJSON struct {
		File    string     `json:"file"`
		Rungs   []rungJSON `json:"rungs"`
		LeftOut int        `json:"left_out"`
	}
	rungJSON struct {
		Packet    int          `json:"packet,omitempty"`
		Time      string       `json:"time"`
		Source    string       `json:"src"`
		Target    string       `json:"dst"`
		Protocol  string       `json:"protocol"`
		Payload   int          `json:"payload_bytes"`
		Segment   *segmentJSON `json:"tcp,omitempty"`     // where the packet left, or at its only tap
		Arrival   *segmentJSON `json:"arrived,omitempty"` // where it came
		Frames    []string     `json:"frames,omitempty"`
		ArrivedAs int          `json:"arrived_as,omitempty"`
		Travelled float64      `json:"travelled_us,omitempty"`
		Lost      bool         `json:"lost"`
		Fate      string       `json:"fate,omitempty"`
		TCPInfo   string       `json:"tcp_info,omitempty"`
		Before    int          `json:"left_out_before,omitempty"`
	}
)

func writeLadderJSON(w io.Writer, file string, ladders []*ladder) error {
	o := ladderJSON{File: file, Rungs: []rungJSON{}}
	for _, l := range ladders {
		o.LeftOut += l.left + l.passed
		for _, r := range l.rungs {
			o.Rungs = append(o.Rungs, r.json())
		}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(o)
}

func (r *ladderRung) json() rungJSON {
	j := rungJSON{
		Packet: r.packet, Time: r.at.UTC().Format(time.RFC3339Nano), Source: endText(r.src), Target: endText(r.dst), Protocol: r.protocol.String(),
		Payload: r.length, Segment: newSegmentJSON(r.segment), Frames: r.events, ArrivedAs: r.comeAs, Lost: r.lost, Fate: r.fate, Before: r.before,
	}
	if r.arrival != r.segment {
		j.Arrival = newSegmentJSON(r.arrival)
	}
	if !r.came.IsZero() {
		j.Travelled = microseconds(r.came.Sub(r.at))
	}
	if r.sample != nil {
		j.TCPInfo = strings.Join(r.sample.words(), ", ")
	}
	return j
}
