package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/olekukonko/tablewriter/tw"

	"rawlab/labs/host"
)

// TCPSample is one look at one TCP connection.
type TCPSample struct {
	Time time.Time
	Host string // whose end it is
	host.Connection
}

// TCPInfo is what samples of a run's TCP connections came to.
type TCPInfo struct {
	IntervalUS  int64           `json:"interval_us"`
	Samples     int             `json:"samples"`
	NotKept     int             `json:"not_kept,omitempty"` // beyond what a run remembers
	Connections []TCPConnection `json:"connections"`
}

// TCPConnection is one end of a connection over all its samples.
type TCPConnection struct {
	Host        string   `json:"host"`
	Local       string   `json:"local"`
	Remote      string   `json:"remote"`
	Samples     int      `json:"samples"`
	CwndMin     uint32   `json:"cwnd_min"` // segments
	CwndMax     uint32   `json:"cwnd_max"`
	RTTUS       *Latency `json:"rtt_us"` // of the smoothed round-trip time; null if the host never measured one
	Retransmits uint32   `json:"retransmits"`
}

// SumTCPInfo sums up samples, connection by connection in the order in which
// they were first seen.
func SumTCPInfo(interval time.Duration, samples []TCPSample, notKept int) *TCPInfo {
	type key struct{ host, local, remote string }
	t := &TCPInfo{IntervalUS: interval.Microseconds(), Samples: len(samples), NotKept: notKept, Connections: []TCPConnection{}}
	at, rtts := map[key]int{}, [][]time.Duration{}
	for i := range samples {
		s := &samples[i]
		k := key{s.Host, s.Local.String(), s.Remote.String()}
		n, known := at[k]
		if !known {
			n = len(t.Connections)
			at[k] = n
			t.Connections = append(t.Connections, TCPConnection{Host: k.host, Local: k.local, Remote: k.remote, CwndMin: s.CongestionWindow})
			rtts = append(rtts, nil)
		}
		c := &t.Connections[n]
		c.Samples++
		c.CwndMin, c.CwndMax = min(c.CwndMin, s.CongestionWindow), max(c.CwndMax, s.CongestionWindow)
		c.Retransmits = max(c.Retransmits, s.Retransmits)
		if s.RTT > 0 {
			rtts[n] = append(rtts[n], s.RTT)
		}
	}
	for n := range t.Connections {
		t.Connections[n].RTTUS = Percentiles(rtts[n])
	}
	return t
}

// tcpInfoColumns are those of tcpinfo.csv. Times are in microseconds but for
// the first, which is in seconds since the Unix epoch, as captures have it.
var tcpInfoColumns = []string{
	"time", "transport", "variant", "host", "local", "remote", "state", "cwnd", "ssthresh", "rtt_us", "rttvar_us",
	"unacknowledged", "lost", "retransmits",
}

func writeTCPInfo(w io.Writer, r *Result, evidence []Evidence) error {
	c := csv.NewWriter(w)
	c.Write(tcpInfoColumns)
	for _, e := range evidence {
		for i := range e.TCPInfo {
			c.Write(sampleLine(&e, &e.TCPInfo[i], r.Backend == "virtual"))
		}
	}
	c.Flush()
	return c.Error()
}

// sampleLine writes one sample; what virtual hosts cannot tell is empty, and
// so is a threshold that is not in force.
func sampleLine(e *Evidence, s *TCPSample, virtual bool) []string {
	number := func(v uint32) string { return strconv.FormatUint(uint64(v), 10) }
	us := func(d time.Duration) string { return strconv.FormatFloat(float64(d.Nanoseconds())/1e3, 'f', -1, 64) }
	threshold, unacknowledged, lost := number(s.SlowStartThreshold), number(s.Unacknowledged), number(s.Lost)
	if s.SlowStartThreshold == 0 {
		threshold = ""
	}
	if virtual {
		unacknowledged, lost = "", ""
	}
	return []string{
		fmt.Sprintf("%d.%06d", s.Time.Unix(), s.Time.Nanosecond()/1000), e.Transport, e.Variant, s.Host, s.Local.String(), s.Remote.String(), s.State,
		number(s.CongestionWindow), threshold, us(s.RTT), us(s.RTTVariance), unacknowledged, lost, number(s.Retransmits),
	}
}

// tcpInfoTable shows each connection's end in a line.
func (r *Result) tcpInfoTable(w io.Writer) error {
	if !slices.ContainsFunc(r.Runs, func(u Run) bool { return u.TCPInfo != nil }) {
		return nil
	}
	rows := [][]string{}
	interval := time.Duration(0)
	for i := range r.Runs {
		u := &r.Runs[i]
		if u.TCPInfo == nil {
			continue
		}
		interval = time.Duration(u.TCPInfo.IntervalUS) * time.Microsecond
		for _, c := range u.TCPInfo.Connections {
			name := c.Local + " → " + c.Remote
			if u.Variant != "" {
				name = u.Variant + " " + name
			}
			p50, most := "–", "–"
			if c.RTTUS != nil {
				p50, most = Milliseconds(c.RTTUS.P50), Milliseconds(c.RTTUS.Max)
			}
			rows = append(rows, []string{name, fmt.Sprintf("%d–%d", c.CwndMin, c.CwndMax), p50, most, Count(c.Retransmits)})
		}
	}
	if _, err := fmt.Fprintf(w, "\nTCP_INFO every %v\n", interval); err != nil {
		return err
	}
	align := tw.Alignment{tw.AlignLeft, tw.AlignRight, tw.AlignRight, tw.AlignRight, tw.AlignRight}
	t := newTable(w, align)
	t.Header([]string{"", "cwnd", "rtt p50", "rtt max", "retransmits"})
	if err := t.Bulk(rows); err != nil {
		return err
	}
	return t.Render()
}
