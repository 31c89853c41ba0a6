package command

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	if err == io.EOF {
		return nil, errors.New("the file is empty: a lab's has a line of columns at least")
	}
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

// parseSample reads a line. What it takes is what a lab writes: whoever reads
// it prints it as it stands, but for the host.
func parseSample(cell func(string) string) (s tcpInfoSample, err error) {
	s = tcpInfoSample{host: cell("host"), cwnd: cell("cwnd"), ssthresh: cell("ssthresh"), lost: cell("lost"), retransmits: cell("retransmits")}
	if s.time, err = parseEpoch(cell("time")); err != nil {
		return s, err
	}
	for name, to := range map[string]*netip.AddrPort{"local": &s.local, "remote": &s.remote} {
		if *to, err = netip.ParseAddrPort(cell(name)); err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
		if to.Addr().Zone() != "" {
			return s, fmt.Errorf("%s: %q has a zone, and a lab's hosts have none", name, cell(name))
		}
	}
	for name, text := range map[string]string{"cwnd": s.cwnd, "ssthresh": s.ssthresh, "lost": s.lost, "retransmits": s.retransmits} {
		if _, err := strconv.ParseUint(text, 10, 32); err != nil && text != "" {
			return s, fmt.Errorf("%s: %w", name, err)
		}
	}
	for name, to := range map[string]*time.Duration{"rtt_us": &s.rtt, "rttvar_us": &s.rttvar} {
		us, err := strconv.ParseFloat(cell(name), 64)
		if err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
		if !(us >= 0 && us <= float64(math.MaxUint32)) { // the kernel's field; NaN is not either
			return s, fmt.Errorf("%s: %q microseconds are none that TCP measures", name, cell(name))
		}
		*to = time.Duration(us * 1000)
	}
	return s, nil
}

// parseEpoch reads seconds since the Unix epoch, with six decimals.
func parseEpoch(text string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseUint(whole, 10, 33) // until the year 2242
	var us uint64
	if err == nil {
		us, err = strconv.ParseUint(fraction, 10, 20)
	}
	if err != nil || len(fraction) != 6 {
		return time.Time{}, fmt.Errorf("time %q: want seconds since 1970 with six decimals", text)
	}
	return time.Unix(int64(seconds), int64(us)*1000), nil
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
