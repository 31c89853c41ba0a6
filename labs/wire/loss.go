package wire

// Gilbert is the loss model of Gilbert and Elliott, netem's 'loss gemodel':
// a chain of packets that is now in a good state, now in a bad one, each with
// a loss of its own. The zero value loses nothing.
type Gilbert struct {
	P        float64 // from good to bad
	R        float64 // from bad to good
	BadLoss  float64 // share lost in the bad state, netem's 1-h
	GoodLoss float64 // share lost in the good state, netem's 1-k
}

func (g *Gilbert) on() bool { return *g != Gilbert{} }

// Share is the share of packets lost in the long run.
func (g *Gilbert) Share() float64 { bad := g.stationary(); return bad*g.BadLoss + (1-bad)*g.GoodLoss }

// LossShare returns the share of packets lost in the long run, apart from
// schedule and rules, and how many times the variance of their count is that
// of independent losses, at most: for the states of such a chain it is
// (1+λ)/(1-λ), where λ = 1-P-R is what a state says of the next.
func (i *Impairment) LossShare() (share, variance float64) {
	switch g := &i.Burst; {
	case i.Down:
		return 1, 1
	case !g.on():
		return i.Loss, 1
	case g.P == 0:
		return g.GoodLoss, 1
	default:
		stays := max(0, 1-g.P-g.R)
		return g.Share(), (1 + stays) / max(1-stays, 1e-9)
	}
}

// stationary is the share of packets that meet the bad state.
func (g *Gilbert) stationary() float64 {
	if g.P == 0 {
		return 0
	}
	return g.P / (g.P + g.R)
}

// stretch is how many neighbours of a chain share a history. A new stretch
// begins in a state drawn anew, so that finding a state takes a bounded time.
const stretch = 1 << 16

// bad tells the state in which the packet at an index of a chain is. It is a
// pure function, whatever was asked before: every index has a number of its
// own, and each number either decides the state, whichever came before it, or
// leaves that to the one before (coupling from the past, Propp and Wilson
// 1996). So the search goes back until a number decides; 1/(P+R) steps on
// average. last only shortens it.
func (g *Gilbert) bad(chain, index uint64, last *burst) bool {
	// Below low the next state is bad, from high on good, whatever it was. In
	// between it stays as it was where P+R <= 1, and changes where P+R > 1.
	low, high, changes := g.P, 1-g.R, false
	if low > high {
		low, high, changes = high, low, true
	}
	bad, flip := false, false
	for n := index; ; n-- {
		if last.known && last.index == n {
			bad = last.bad
			break
		}
		u := share(mix(chain, n))
		if n%stretch == 0 {
			bad = u < g.stationary()
			break
		}
		if u < low || u >= high {
			bad = u < low
			break
		}
		flip = flip != changes
	}
	bad = bad != flip
	*last = burst{known: true, index: index, bad: bad}
	return bad
}

// burst is what was last found of a chain.
type burst struct {
	known, bad bool
	index      uint64
}

// burstKey tells apart the chains and the models they are looked at with.
type burstKey struct {
	chain uint64
	model Gilbert
}

// maxChains bounds the chains of which the last state is kept.
const maxChains = 1 << 14

// loses tells whether the packet is lost.
func (p *Plan) loses(i *Impairment, k *key) bool {
	u := share(mix(k.number, 1))
	switch {
	case i.Down:
		return true
	case !i.Burst.on():
		return u < i.Loss
	}
	if p.inBurst(&i.Burst, k) {
		return u < i.Burst.BadLoss
	}
	return u < i.Burst.GoodLoss
}

// inBurst tells whether the packet meets the bad state. One that is in no
// chain meets either as often as there is of it.
func (p *Plan) inBurst(g *Gilbert, k *key) bool {
	if k.alone {
		return share(mix(k.number, 7)) < g.stationary()
	}
	at := burstKey{k.chain, *g}
	last := p.bursts[at]
	if last == nil {
		if len(p.bursts) >= maxChains {
			clear(p.bursts)
		}
		last = &burst{}
		p.bursts[at] = last
	}
	return g.bad(mix(k.chain, 7), k.index, last)
}
