package command

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// tcpInfoSample is one look of a lab at a TCP connection (TCP_INFO), a line
// of the bundle's tcpinfo.csv.
type tcpInfoSample struct {
	time          time.Time
	host          string
	local, remote netip.AddrPort
	cwnd          string // segments; numbers as they stand, empty where the host could not tell
	ssthresh      string
	rtt, rttvar   time.Duration
	lost          string
	retransmits   string
}

// maxTCPInfo bounds the samples that are read, as a lab bounds them.
const maxTCPInfo = 1 << 20

// readTCPInfo reads the samples next to a capture file, by time; there are
// none if there is no such file.
func readTCPInfo(capture string) ([]tcpInfoSample, error) {
	if capture == "-" {
		return nil, nil
	}
	name := filepath.Join(filepath.Dir(capture), "tcpinfo.csv")
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	samples, err := parseTCPInfo(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	slices.SortStableFunc(samples, func(a, b tcpInfoSample) int { return cmp.Compare(a.time.UnixNano(), b.time.UnixNano()) })
	return samples, nil
}

func parseTCPInfo(r io.Reader) ([]tcpInfoSample, error) {
	c := csv.NewReader(r)
	header, err := c.Read()
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, name := range header {
		at[name] = i
	}
	for _, name := range []string{"time", "host", "local", "remote", "cwnd", "ssthresh", "rtt_us", "rttvar_us", "lost", "retransmits"} {
		if _, ok := at[name]; !ok {
			return nil, fmt.Errorf("no column %q: not a lab's samples of TCP_INFO", name)
		}
	}
	var samples []tcpInfoSample
	for {
		line, err := c.Read()
		if err == io.EOF {
			return samples, nil
		}
		if err != nil {
			return nil, err
		}
		if len(samples) == maxTCPInfo {
			return nil, fmt.Errorf("more than %d samples", maxTCPInfo)
		}
		s, err := parseSample(func(name string) string { return line[at[name]] })
		if err != nil {
			row, _ := c.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", row, err)
		}
		samples = append(samples, s)
	}
}

func parseSample(cell func(string) string) (s tcpInfoSample, err error) {
	s = tcpInfoSample{host: cell("host"), cwnd: cell("cwnd"), ssthresh: cell("ssthresh"), lost: cell("lost"), retransmits: cell("retransmits")}
	var seconds, fraction int64
	if n, err := fmt.Sscanf(cell("time"), "%d.%06d", &seconds, &fraction); n != 2 {
		return s, fmt.Errorf("time %q: %w", cell("time"), err)
	}
	s.time = time.Unix(seconds, fraction*1000)
	for name, to := range map[string]*netip.AddrPort{"local": &s.local, "remote": &s.remote} {
		if *to, err = netip.ParseAddrPort(cell(name)); err != nil {
			return s, err
		}
	}
	for name, to := range map[string]*time.Duration{"rtt_us": &s.rtt, "rttvar_us": &s.rttvar} {
		us, err := strconv.ParseFloat(cell(name), 64)
		if err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
		*to = time.Duration(us * 1000)
	}
	return s, nil
}

// words tells a sample in pieces of a line.
func (s *tcpInfoSample) words() []string {
	w := []string{printable(s.host) + ": cwnd " + s.cwnd, "ssthresh " + cmp.Or(s.ssthresh, "–"), "rtt " + shortTime(s.rtt)}
	if s.lost != "" && s.lost != "0" {
		w = append(w, "lost "+s.lost)
	}
	if s.retransmits != "0" {
		w = append(w, "sent again "+s.retransmits)
	}
	return w
}
