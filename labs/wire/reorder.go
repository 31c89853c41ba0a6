package wire

// maxGap bounds the gap between packets that overtake.
const maxGap = 1 << 12

// overtakes tells whether the packet skips the delay.
func (p *Plan) overtakes(i *Impairment, k *key) bool {
	if i.Gap <= 1 {
		return share(mix(k.number, 4)) < i.Reorder
	}
	if k.alone {
		return share(mix(k.number, 4))*(float64(i.Gap-1)*i.Reorder+1) < i.Reorder // as often as in a chain
	}
	at := gapKey{k.chain, i.Gap, i.Reorder}
	last := p.gaps[at]
	if last == nil {
		if len(p.gaps) >= maxChains {
			clear(p.gaps)
		}
		last = &gapState{}
		p.gaps[at] = last
	}
	return last.overtakes(&at, k.index)
}

type gapKey struct {
	chain uint64
	gap   int
	share float64
}

// gapState is what was last found of a chain.
type gapState struct {
	known, overtook bool
	index           uint64
	delayed         int // packets since the last that overtook
}

// overtakes counts as netem does: after gap-1 delayed packets each overtakes
// with the share, and the count begins again when one has. It counts along
// the chain, not as packets come, and anew after so many, which keeps the
// answer for an index from depending on all before it.
func (s *gapState) overtakes(k *gapKey, index uint64) bool {
	const about = 1 << 12
	block := uint64((about + k.gap - 1) / k.gap * k.gap) // a multiple, so that a share of 100 % is regular throughout
	from := index / block * block
	if s.known && s.index <= index && s.index >= from {
		if s.index == index {
			return s.overtook
		}
		from = s.index + 1
	} else {
		s.delayed = 0
	}
	draws := mix(k.chain, 8)
	for n := from; ; n++ {
		s.overtook = s.delayed >= k.gap-1 && share(mix(draws, n)) < k.share
		s.delayed++
		if s.overtook {
			s.delayed = 0
		}
		if n == index {
			break
		}
	}
	s.known, s.index = true, index
	return s.overtook
}
