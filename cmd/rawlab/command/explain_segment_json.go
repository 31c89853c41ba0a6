package command

import (
	"strings"
	"time"

	"rawlab/capture/tcpflow"
)

// segmentJSON is a TCP segment and what it means; positions count from the
// SYN, which is 0.
type segmentJSON struct {
	Packet       int             `json:"packet"`
	Tap          string          `json:"tap"` // where it was captured: sender, receiver, both or unknown
	Flags        string          `json:"flags"`
	Seq          int64           `json:"seq"`
	Ack          int64           `json:"ack,omitempty"`
	Length       int             `json:"length"`
	Window       int             `json:"window"`
	SACK         []tcpflow.Block `json:"sack,omitempty"`
	Damaged      bool            `json:"damaged,omitempty"`
	Again        string          `json:"sent_again,omitempty"` // the reason
	SinceUS      float64         `json:"sent_again_after_us,omitempty"`
	DuplicateAck int             `json:"duplicate_ack,omitempty"`
	DSACK        bool            `json:"dsack,omitempty"`
	ZeroWindow   bool            `json:"zero_window,omitempty"`
	WindowUpdate bool            `json:"window_update,omitempty"`
	WindowProbe  bool            `json:"window_probe,omitempty"`
	KeepAlive    bool            `json:"keep_alive,omitempty"`
	NagleUS      float64         `json:"nagle_wait_at_most_us,omitempty"`
	DelayedUS    float64         `json:"delayed_ack_us,omitempty"`
	BeyondHole   bool            `json:"beyond_hole,omitempty"`
	FillsHole    bool            `json:"fills_hole,omitempty"`
	NothingNew   bool            `json:"nothing_new,omitempty"`
}

func newSegmentJSON(s *tcpflow.Segment) *segmentJSON {
	if s == nil {
		return nil
	}
	var flags strings.Builder
	for _, f := range []struct {
		on     bool
		letter string
	}{{s.SYN, "S"}, {s.FIN, "F"}, {s.RST, "R"}, {s.PSH, "P"}, {s.ACK, "A"}} {
		if f.on {
			flags.WriteString(f.letter)
		}
	}
	j := &segmentJSON{
		Packet: s.Packet, Tap: s.Tap.String(), Flags: flags.String(), Seq: s.Seq, Ack: s.Ack, Length: s.Length, Window: s.Window, SACK: s.SACK, Damaged: s.Damaged,
		DuplicateAck: s.DuplicateAck, DSACK: s.DSACK, ZeroWindow: s.ZeroWindow, WindowUpdate: s.WindowUpdate, WindowProbe: s.WindowProbe,
		KeepAlive: s.KeepAlive, NagleUS: microseconds(s.NagleWait), DelayedUS: microseconds(s.DelayedAck),
		BeyondHole: s.BeyondHole, FillsHole: s.FillsHole, NothingNew: s.DuplicateHit,
	}
	if s.Again != tcpflow.AgainNo {
		j.Again, j.SinceUS = s.Again.String(), microseconds(s.Since)
	}
	return j
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
