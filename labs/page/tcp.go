package page

import (
	"time"

	"rawlab/labs/report"
)

// maxConnections bounds the lines of a chart.
const maxConnections = 12

// tcpCharts show the congestion window and the smoothed round-trip time of
// every sampled end of a connection that ever had more than its first window
// under way or measured a round trip.
func tcpCharts(runs []*followed) (window, rtt chart) {
	end := time.Duration(0)
	for _, f := range runs {
		for i := range f.e.TCPInfo {
			end = max(end, f.e.TCPInfo[i].Time.Sub(f.start))
		}
	}
	window, rtt = chart{X: []float64{}, Lines: []line{}}, chart{X: []float64{}, Lines: []line{}}
	if end == 0 {
		return window, rtt
	}
	step := end/(points-1) + 1
	for k := range points {
		window.X = append(window.X, significant((time.Duration(k)*step).Seconds(), 6))
	}
	rtt.X = window.X
	for i, f := range runs {
		at := map[string]int{}
		for j := range f.e.TCPInfo {
			s := &f.e.TCPInfo[j]
			name := lineName(f.e, s)
			n, known := at[name]
			if !known {
				if len(window.Lines) == maxConnections {
					continue
				}
				n = len(window.Lines)
				at[name] = n
				window.Lines = append(window.Lines, line{Name: name, Run: i, Y: make([]*float64, points)})
				rtt.Lines = append(rtt.Lines, line{Name: name, Run: i, Y: make([]*float64, points)})
			}
			k := bin(s.Time.Sub(f.start), step)
			cwnd := float64(s.CongestionWindow)
			window.Lines[n].Y[k] = &cwnd
			if s.RTT > 0 {
				ms := significant(float64(s.RTT.Nanoseconds())/1e6, 5)
				rtt.Lines[n].Y[k] = &ms
			}
		}
	}
	return window, rtt
}

func lineName(e *report.Evidence, s *report.TCPSample) string {
	name := s.Host + " " + s.Local.String() + " → " + s.Remote.String()
	if e.Variant != "" {
		name = e.Variant + " " + name
	}
	return name
}
