package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// comparison is one figure of ours beside a peer's.
type comparison struct {
	name, peerName, unit string
	lowerIsBetter        bool
	must                 float64 // the least ratio that will do
	pairs                int     // of each, so many in a round, for what is over in an instant: their medians count (default 1)
	ours, peer           func(context.Context) (float64, error)
}

// row is a comparison's result; a ratio over 1 is better for us, whatever the
// unit.
type row struct {
	Topic    string  `json:"topic"`
	Name     string  `json:"name"`
	Ours     float64 `json:"ours"`
	Peer     float64 `json:"peer"`
	PeerName string  `json:"peer_name"`
	Unit     string  `json:"unit"`
	Ratio    float64 `json:"ratio"`
	RatioMin float64 `json:"ratio_min"`
	RatioMax float64 `json:"ratio_max"`
	Rounds   int     `json:"rounds"`
	Must     float64 `json:"must"`
}

// measure runs a topic's comparisons in rounds, ours and the peer's in turn,
// so that whatever else the machine does meets both.
func measure(ctx context.Context, name string, topic func(*settings) ([]comparison, func() error, error), s *settings) (rows []row, err error) {
	comparisons, closing, err := topic(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer func() {
		if closed := closing(); err == nil {
			err = closed
		}
	}()
	comparisons = slices.DeleteFunc(comparisons, func(c comparison) bool { return !strings.Contains(c.name, s.only) })
	ours, peers := make([][]float64, len(comparisons)), make([][]float64, len(comparisons))
	for round := range s.rounds {
		for i, c := range comparisons {
			fmt.Fprintf(os.Stderr, "%s: round %d of %d: %s\n", name, round+1, s.rounds, c.name)
			a, b, err := c.round(ctx, round)
			if err != nil {
				return rows, fmt.Errorf("%s: %s: %w", name, c.name, err)
			}
			ours[i], peers[i] = append(ours[i], a), append(peers[i], b)
		}
	}
	for i, c := range comparisons {
		rows = append(rows, c.row(name, ours[i], peers[i]))
	}
	return rows, nil
}

// round measures both. Which is first alternates, for it meets what the
// measurement before has left.
func (c *comparison) round(ctx context.Context, number int) (ours, peer float64, err error) {
	var a, b []float64
	for n := range max(1, c.pairs) {
		for turn := range 2 {
			if (number+n+turn)%2 == 0 {
				ours, err = c.ours(ctx)
				a = append(a, ours)
			} else if peer, err = c.peer(ctx); err != nil {
				err = fmt.Errorf("%s: %w", c.peerName, err)
			} else {
				b = append(b, peer)
			}
			if err != nil {
				return 0, 0, err
			}
		}
	}
	return median(a), median(b), nil
}

// row sums up the rounds: medians, and the spread of the ratio round by round.
func (c *comparison) row(topic string, ours, peers []float64) row {
	ratios := make([]float64, len(ours))
	for i := range ours {
		if ratios[i] = ours[i] / peers[i]; c.lowerIsBetter {
			ratios[i] = peers[i] / ours[i]
		}
	}
	return row{
		Topic: topic, Name: c.name, Ours: median(ours), Peer: median(peers), PeerName: c.peerName, Unit: c.unit,
		Ratio: median(ratios), RatioMin: slices.Min(ratios), RatioMax: slices.Max(ratios), Rounds: len(ours), Must: c.must,
	}
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

func writeTable(w io.Writer, rows []row) error {
	fmt.Fprintln(w, "| topic | what | ours | peer | | unit | ratio | spread | must |")
	fmt.Fprintln(w, "|---|---|---:|---:|---|---|---:|---|---:|")
	for _, r := range rows {
		_, err := fmt.Fprintf(w, "| %s | %s | %.4g | %.4g | %s | %s | %.2f | %.2f–%.2f | %.2f |\n",
			r.Topic, r.Name, r.Ours, r.Peer, r.PeerName, r.Unit, r.Ratio, r.RatioMin, r.RatioMax, r.Must)
		if err != nil {
			return err
		}
	}
	return nil
}

// writeJSON writes the rows into a file; none if it has no name.
func writeJSON(name string, rows []row) error {
	if name == "" {
		return nil
	}
	b, err := json.MarshalIndent(struct {
		Machine string `json:"machine"`
		Date    string `json:"date"`
		Rows    []row  `json:"rows"`
	}{fmt.Sprintf("%s/%s, %d CPUs", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), time.Now().UTC().Format(time.RFC3339), rows}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(b, '\n'), 0o666)
}
