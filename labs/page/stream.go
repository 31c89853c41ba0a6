package page

import (
	"net/netip"

	"rawlab/capture/tcpflow"
)

// streams puts a run's packets into columns, a table for each direction of
// each flow, where most columns change little from row to row.
func (b *builder) streams(f *followed, numbers [2][]int, keep []bool, every int) []streamData {
	type key struct {
		side     int
		src, dst netip.AddrPort
	}
	places := map[key]int{}
	list := []streamData{}
	for i := range f.packets {
		p := &f.packets[i]
		k := key{p.side, p.src, p.dst}
		n, known := places[k]
		if !known {
			if len(list) == maxStreams {
				continue
			}
			n = len(list)
			places[k] = n
			list = append(list, streamData{From: end(p.src), To: end(p.dst), Side: p.side})
		}
		if every == 1 || p.kept(keep) || len(p.events) == 0 && len(list[n].Number) < openPacket {
			b.packet(&list[n], f, p, numbers)
		}
	}
	return list
}

// maxStreams bounds the flows' directions that a run shows.
const maxStreams = 4096

// end names one end of a flow; not all protocols have ports.
func end(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

// kept reports whether the packet carries an event that is kept.
func (p *packet) kept(keep []bool) bool {
	for _, e := range p.events {
		if keep[e] {
			return true
		}
	}
	return false
}

func (b *builder) packet(s *streamData, f *followed, p *packet, numbers [2][]int) {
	trip := int64(-1)
	if p.trip >= 0 {
		trip = p.trip.Microseconds()
	}
	row := int64(len(s.Number))
	s.Number = append(s.Number, int64(numbers[p.side][p.packet]))
	s.Left, s.Trip, s.Copies = append(s.Left, f.since(p.left)), append(s.Trip, trip), append(s.Copies, int64(p.copies))
	s.Fate, s.Length = append(s.Fate, int64(p.fate)), append(s.Length, int64(p.length))
	s.Word, s.Seq, s.Ack = append(s.Word, int64(b.words.number(p.word))), append(s.Seq, p.seq), append(s.Ack, p.ack)
	s.Again = append(s.Again, int64(b.again(p)))
	first, count := int64(0), int64(0)
	if len(s.First) > 0 {
		first = s.First[len(s.First)-1] // so that a packet without events costs little
	}
	for i, r := range runsOf(p.events) {
		if i == 0 {
			first, count = r[0], r[1]
		} else {
			s.More = append(s.More, more{row, r[0], r[1]})
		}
	}
	s.First, s.Count = append(s.First, first), append(s.Count, count)
}

// again is the word for why a packet was sent again.
func (b *builder) again(p *packet) int {
	switch {
	case p.again != tcpflow.AgainNo:
		return b.words.number("sent again: " + p.again.String())
	case p.repeated:
		return b.words.number("sent again")
	}
	return 0
}

// runsOf cuts ascending numbers into runs without a gap: first and count.
func runsOf(list []int) [][2]int64 {
	var runs [][2]int64
	for _, e := range list {
		if n := len(runs) - 1; n >= 0 && runs[n][0]+runs[n][1] == int64(e) {
			runs[n][1]++
		} else {
			runs = append(runs, [2]int64{int64(e), 1})
		}
	}
	return runs
}
