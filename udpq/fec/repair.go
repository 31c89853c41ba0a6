package fec

import (
	"slices"
	"time"

	"rawlab/framing"
)

// maxGroups bounds the groups whose parity is kept.
const maxGroups = 64

// group is parity that waits for data.
type group struct {
	first   uint64
	members int
	size    int      // of each shard
	parity  [][]byte // by index, nil: has not come
}

// last returns the last number of a group.
func (d *Decoder) last(first uint64, members int) uint64 {
	return first + uint64((members-1)*d.params.Depth)
}

// contains reports whether a number is a group's.
func (d *Decoder) contains(g *group, number uint64) bool {
	return number >= g.first && number <= d.last(g.first, g.members) && (number-g.first)%uint64(d.params.Depth) == 0
}

// protect takes a shard of parity.
func (d *Decoder) protect(now time.Time, p *framing.Parity) {
	if !d.valid(p) {
		d.stats.Invalid++
		return
	}
	d.stats.Parity++
	d.extend(now, d.last(p.First, int(p.Data)))
	if d.window.forgotten(p.First, d.newest) {
		return
	}
	if d.complete(p.First, int(p.Data)) {
		d.settle(p.First, int(p.Data))
		return
	}
	i := d.find(p)
	g := &d.groups[i]
	if g.members != int(p.Data) || g.size != len(p.Shard) {
		d.stats.Invalid++
		return
	}
	if g.parity[p.Index] == nil {
		g.parity[p.Index] = append(d.store.take(g.size), p.Shard...)
		d.repair(i)
	}
}

// complete reports whether no number of a group is waited for.
func (d *Decoder) complete(first uint64, members int) bool {
	for i := range members {
		if d.window.at(first+uint64(i*d.params.Depth)).state == absent {
			return false
		}
	}
	return true
}

// settle lets go of what was kept to repair a group.
func (d *Decoder) settle(first uint64, members int) {
	for i := range members {
		number := first + uint64(i*d.params.Depth)
		if d.window.forgotten(number, d.newest) {
			continue
		}
		s := d.window.at(number)
		if s.settled = true; s.state == passed {
			d.release(s)
		}
	}
}

// find returns the index of the group of a shard of parity, which it makes if
// there is none, in place of the oldest if there are many.
func (d *Decoder) find(p *framing.Parity) int {
	for i := range d.groups {
		if d.groups[i].first == p.First {
			return i
		}
	}
	if len(d.groups) == maxGroups {
		d.closeGroup(0)
	}
	d.groups = append(d.groups, group{p.First, int(p.Data), len(p.Shard), make([][]byte, d.params.Parity)})
	return len(d.groups) - 1
}

// closeGroup lets go of a group.
func (d *Decoder) closeGroup(i int) {
	g := d.groups[i]
	for _, b := range g.parity {
		d.store.release(b)
	}
	d.groups = slices.Delete(d.groups, i, i+1)
	d.settle(g.first, g.members)
}

// closeGroups lets go of groups none of whose numbers is waited for.
func (d *Decoder) closeGroups() {
	for i := len(d.groups) - 1; i >= 0; i-- {
		if g := &d.groups[i]; d.last(g.first, g.members) < d.next || d.window.forgotten(g.first, d.newest) {
			d.closeGroup(i)
		}
	}
}

// repairGroupOf repairs the group of a number, if that can be done now.
func (d *Decoder) repairGroupOf(number uint64) {
	for i := range d.groups {
		if d.contains(&d.groups[i], number) {
			d.repair(i)
			return
		}
	}
}

// repair rebuilds what is missing of a group if enough has come, and then
// lets go of it.
func (d *Decoder) repair(i int) {
	g := &d.groups[i]
	if !d.complete(g.first, g.members) {
		if d.missing(g) > g.come() {
			return
		}
		if d.gather(g) && d.codec.ReconstructData(d.shards) == nil {
			d.takeRebuilt(g)
		} else {
			d.stats.Invalid++
		}
		clear(d.shards)
	}
	d.closeGroup(i)
}

// come returns how many shards of parity have come.
func (g *group) come() (n int) {
	for _, b := range g.parity {
		if b != nil {
			n++
		}
	}
	return n
}

func (d *Decoder) member(g *group, i int) *slot {
	return d.window.at(g.first + uint64(i*d.params.Depth))
}

// missing returns how many shards of data are not there.
func (d *Decoder) missing(g *group) (n int) {
	for i := range g.members {
		if d.member(g, i).shard == nil {
			n++
		}
	}
	return n
}

// gather lays a group's shards out for the codec. It reports false if they
// do not fit together.
func (d *Decoder) gather(g *group) bool {
	for i := range d.params.Data {
		if i >= g.members {
			d.shards[i] = nothing[:g.size]
			continue
		}
		s := d.member(g, i)
		if s.shard == nil {
			d.shards[i] = make([]byte, 0, g.size)
			continue
		}
		if len(s.shard) > g.size {
			return false
		}
		d.shards[i] = pad(s.shard, g.size)
	}
	copy(d.shards[d.params.Data:], g.parity)
	return true
}

// takeRebuilt takes what the codec has rebuilt, unless it is not what was sent.
func (d *Decoder) takeRebuilt(g *group) {
	for i := range g.members {
		s := d.member(g, i)
		switch {
		case s.shard != nil || s.state != absent && !(s.state == lost && d.unordered):
			continue // it has come, or comes too late
		case !isShard(d.shards[i]):
			d.stats.Invalid++
			continue
		case s.state == lost:
			d.stats.Unrepaired--
		}
		d.stats.Repaired++
		d.keep(s, g.first+uint64(i*d.params.Depth), d.store.adopt(d.shards[i][:shardLength(d.shards[i])]))
	}
}
