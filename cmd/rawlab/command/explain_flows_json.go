package command

import (
	"encoding/json"
	"io"
	"strconv"
	"time"

	"rawlab/capture/tcpflow"
)

// flowColumns are those of a direction in CSV and Markdown; what is not known
// is empty.
var flowColumns = []string{
	"src", "dst", "segments", "bytes", "sent_again", "fast", "timeout", "after_timeout", "probe", "unknown", "rtt_min_us", "rtt_mean_us", "rtt_max_us", "srtt_us",
	"window_least", "window_most", "zero_windows", "window_probes", "duplicate_acks", "sack_blocks", "dsacks", "nagle_waits", "delayed_acks",
	"beyond_hole", "events", "events_in_line", "in_line_max_us",
}

func (o *flowsOutput) table() *table {
	t := &table{header: flowColumns}
	for _, j := range o.flows {
		for _, toServer := range []bool{true, false} {
			t.rows = append(t.rows, o.json(j.direction(toServer)).cells())
		}
	}
	return t
}

type (
	flowsJSON struct {
		File  string           `json:"file"`
		Flows []joinedFlowJSON `json:"flows"`
	}
	joinedFlowJSON struct {
		Client     string          `json:"client"`
		Server     string          `json:"server"`
		Interfaces []string        `json:"interfaces"`
		Directions []directionJSON `json:"directions"` // to the server, to the client
		TCPInfo    []sampleJSON    `json:"tcp_info,omitempty"`
	}
	// directionJSON has null for what no tap of the file could tell.
	directionJSON struct {
		Source      string         `json:"src"`
		Target      string         `json:"dst"`
		Segments    int            `json:"segments"`
		Bytes       int64          `json:"payload_bytes"`
		MSS         int            `json:"mss,omitempty"`
		Largest     int            `json:"largest_bytes"`
		Again       int            `json:"sent_again"`
		Reasons     map[string]int `json:"sent_again_reasons"`
		RTT         *rttJSON       `json:"rtt_us"`
		WindowLeast int            `json:"window_least"`
		WindowMost  int            `json:"window_most"`
		Scaled      bool           `json:"window_scaled"`
		ZeroWindows waitsJSON      `json:"zero_windows"`
		Probes      int            `json:"window_probes"`
		KeepAlives  int            `json:"keep_alives"`
		Duplicates  int            `json:"duplicate_acks"`
		SACKBlocks  int            `json:"sack_blocks"`
		DSACKs      int            `json:"dsacks"`
		Nagle       *waitsJSON     `json:"nagle_waits_at_most"`
		NagleOff    bool           `json:"nagle_off"`
		Delayed     *waitsJSON     `json:"delayed_acks"`
		Arrivals    *arrivalsJSON  `json:"arrivals"`
	}
	rttJSON struct {
		Samples   int     `json:"samples"`
		Min       float64 `json:"min"`
		Mean      float64 `json:"mean"`
		Max       float64 `json:"max"`
		Smoothed  float64 `json:"srtt"`
		Variation float64 `json:"rttvar"`
	}
	waitsJSON struct {
		Count     int     `json:"count"`
		TotalUS   float64 `json:"total_us"`
		LongestUS float64 `json:"longest_us"`
	}
	arrivalsJSON struct {
		BeyondHole  int       `json:"beyond_hole"`
		FilledHoles int       `json:"filled_holes"`
		NothingNew  int       `json:"nothing_new"`
		Stood       waitsJSON `json:"stream_stood_still"`
		Events      int       `json:"events"`
		InLine      waitsJSON `json:"head_of_line"`
	}
	sampleJSON struct {
		Time        string  `json:"time"`
		Host        string  `json:"host"`
		Local       string  `json:"local"`
		Cwnd        string  `json:"cwnd"`
		Ssthresh    string  `json:"ssthresh,omitempty"`
		RTTUS       float64 `json:"rtt_us"`
		Lost        string  `json:"lost,omitempty"`
		Retransmits string  `json:"retransmits"`
	}
)

func newWaitsJSON(w *tcpflow.Waits) waitsJSON {
	return waitsJSON{w.Count, microseconds(w.Total), microseconds(w.Longest)}
}

func (o *flowsOutput) json(d *flowDirection) *directionJSON {
	a := d.any
	j := &directionJSON{
		Source: d.src.String(), Target: d.dst.String(), Segments: a.Segments, Bytes: a.Bytes, MSS: a.MSS, Largest: a.Largest,
		Again: a.Retransmissions(), Reasons: map[string]int{}, WindowLeast: a.LeastWindow, WindowMost: a.MostWindow, Scaled: a.Scaled,
		ZeroWindows: newWaitsJSON(&a.ZeroWindows), Probes: a.Probes, KeepAlives: a.KeepAlives,
		Duplicates: a.DuplicateAcks, SACKBlocks: a.SACKBlocks, DSACKs: a.DSACKs,
	}
	for k, n := range a.Again {
		if n > 0 {
			j.Reasons[tcpflow.Again(k).String()] = n
		}
	}
	if d.sent != nil {
		if r := &a.RTT; r.Samples > 0 {
			j.RTT = &rttJSON{r.Samples, microseconds(r.Min), microseconds(r.Mean()), microseconds(r.Max), microseconds(r.Smoothed), microseconds(r.Variation)}
		}
		w := newWaitsJSON(&a.Nagle)
		j.Nagle, j.NagleOff = &w, a.NagleOff
	}
	if c := d.came; c != nil {
		w := newWaitsJSON(&c.DelayedAcks)
		j.Delayed = &w
		k := waitKey{d.cameAt, route{d.src, d.dst}}
		line := o.waits.by[k]
		if line == nil {
			line = &tcpflow.Waits{}
		}
		j.Arrivals = &arrivalsJSON{c.BeyondHole, c.FilledHoles, c.DuplicateHits, newWaitsJSON(&c.Holes), o.waits.all[k], newWaitsJSON(line)}
	}
	return j
}

// cells are the direction's values, by flowColumns.
func (j *directionJSON) cells() []string {
	n := strconv.Itoa
	us := func(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) }
	c := []string{j.Source, j.Target, n(j.Segments), strconv.FormatInt(j.Bytes, 10), n(j.Again)}
	for k := tcpflow.AgainFast; k <= tcpflow.AgainProbe; k++ {
		c = append(c, n(j.Reasons[k.String()]))
	}
	c = append(c, n(j.Reasons[tcpflow.AgainUnknown.String()]))
	if r := j.RTT; r != nil {
		c = append(c, us(r.Min), us(r.Mean), us(r.Max), us(r.Smoothed))
	} else {
		c = append(c, "", "", "", "")
	}
	c = append(c, n(j.WindowLeast), n(j.WindowMost), n(j.ZeroWindows.Count), n(j.Probes), n(j.Duplicates), n(j.SACKBlocks), n(j.DSACKs))
	for _, w := range []*waitsJSON{j.Nagle, j.Delayed} {
		if w != nil {
			c = append(c, n(w.Count))
		} else {
			c = append(c, "")
		}
	}
	if a := j.Arrivals; a != nil {
		return append(c, n(a.BeyondHole), n(a.Events), n(a.InLine.Count), us(a.InLine.LongestUS))
	}
	return append(c, "", "", "", "")
}

func (o *flowsOutput) writeJSON(w io.Writer) error {
	all := flowsJSON{File: o.scan.name, Flows: []joinedFlowJSON{}}
	for _, j := range o.flows {
		f := joinedFlowJSON{Client: j.client().String(), Server: j.server().String()}
		for _, v := range j.views {
			f.Interfaces = append(f.Interfaces, o.scan.interfaces[v.iface].Name)
		}
		for _, toServer := range []bool{true, false} {
			f.Directions = append(f.Directions, *o.json(j.direction(toServer)))
		}
		for _, s := range j.samples {
			f.TCPInfo = append(f.TCPInfo, sampleJSON{
				s.time.UTC().Format(time.RFC3339Nano), s.host, s.local.String(), s.cwnd, s.ssthresh, microseconds(s.rtt), s.lost, s.retransmits,
			})
		}
		all.Flows = append(all.Flows, f)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(all)
}
