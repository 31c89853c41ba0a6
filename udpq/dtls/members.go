package dtls

import (
	"net"
	"net/netip"
	"slices"
)

// begin begins a handshake, if there is room for another.
func (s *Socket) begin(hello []byte, from netip.AddrPort, addr net.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return
	case len(s.members) >= s.config.MaxAssociations && s.stand[from] == nil, len(s.waiting) >= s.config.MaxHandshakes && !s.makeRoom():
		s.refused.Add(1)
		return
	}
	a, err := s.associate(from, addr)
	if err != nil {
		s.config.Logger.Error("preparing DTLS", "err", err)
		return
	}
	a.put(hello, addr)
	s.shaking[from], s.named[a.id] = a, a
	s.waiting = append(s.waiting, a)
	s.running.Go(a.run)
}

// makeRoom gives up the handshake that waits longest of those that have shown
// no cookie, and reports whether there is one. The caller holds mu.
func (s *Socket) makeRoom() bool {
	i := slices.IndexFunc(s.waiting, func(a *association) bool { return !a.shown.Load() })
	if i < 0 {
		return false
	}
	a := s.waiting[i]
	s.forget(a)
	a.cancel()
	return true
}

// forget takes an association out of those that shake hands. The caller holds mu.
func (s *Socket) forget(a *association) {
	if i := slices.Index(s.waiting, a); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
	if s.shaking[a.from] == a {
		delete(s.shaking, a.from)
	}
	delete(s.named, a.id)
}

// establish lets an association stand that has shaken hands, in the place of
// the one before.
func (s *Socket) establish(a *association) bool {
	s.mu.Lock()
	known := s.shaking[a.from] == a
	before := s.stand[a.from]
	if known {
		s.forget(a)
		s.members[a], s.named[a.id], s.stand[a.from] = struct{}{}, a, a
	}
	if before != nil && before.place() != a.from {
		before = nil // it has moved on
	}
	s.mu.Unlock()
	if known && before != nil {
		before.cancel()
	}
	if known {
		s.established.Add(1)
	}
	return known
}

// remove forgets an association that is over.
func (s *Socket) remove(a *association) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(a)
	delete(s.members, a)
	for _, from := range a.places {
		if s.stand[from] == a {
			delete(s.stand, from)
		}
	}
}

const silentLooks = 4 // of sweep, in an IdleTimeout

// sweep ends associations that carry nothing.
func (s *Socket) sweep() {
	timer := s.config.Clock.NewTimer(s.config.IdleTimeout / silentLooks)
	defer timer.Stop()
	for ; ; timer.Reset(s.config.IdleTimeout / silentLooks) {
		select {
		case <-timer.C():
		case <-s.life.Done():
			return
		}
		for _, a := range s.all() {
			if a.heard.Swap(false) {
				a.silent = 0
			} else if a.silent++; a.silent >= silentLooks {
				a.cancel()
			}
		}
	}
}

// all returns the associations that stand.
func (s *Socket) all() []*association {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*association, 0, len(s.members))
	for a := range s.members {
		all = append(all, a)
	}
	return all
}
