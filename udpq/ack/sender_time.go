package ack

import "time"

// maxPersist bounds the wait between two questions whether there is room again
// (RFC 9293 section 3.8.6.1): the answer may have been lost.
const maxPersist = 5 * time.Second

// Wake returns when to call OnTimer and Next again unless something comes
// before, the zero time if never.
func (s *Sender) Wake(now time.Time) time.Time {
	if s.failed || len(s.slots) == 0 {
		return time.Time{}
	}
	wake := earlier(s.probeAt(), s.losses.due)
	if i, ok := s.candidate(); ok && s.wanted(i) && s.fits(&s.slots[i]) {
		wake = earlier(wake, now.Add(s.wait(now, i)))
	}
	return earlier(wake, s.givesUp())
}

// earlier returns the earlier of two times; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// probeAt returns when to probe the other end: when it should have answered
// for what was sent last, or said that it has room again.
func (s *Sender) probeAt() time.Time {
	if s.inFlight > 0 {
		return s.lastSent.Add(s.rtt.Timeout())
	}
	if i, ok := s.candidate(); ok && !s.wanted(i) {
		return later(s.lastSent, s.progress).Add(min(s.rtt.Timeout(), maxPersist))
	}
	return time.Time{}
}

// givesUp returns when that will be.
func (s *Sender) givesUp() time.Time {
	if s.fresh == 0 {
		return time.Time{}
	}
	return later(s.slots[0].born, s.progress).Add(s.config.GiveUp)
}

// OnTimer acts on the time. What is late by now counts as lost; when nothing
// has come for long, two datagrams may leave to probe the other end (RFC 9002
// section 6.2.4), and their acknowledgement tells what is lost; or it is time
// to give up, which is the only error and stays.
func (s *Sender) OnTimer(now time.Time) error {
	if at := s.givesUp(); s.failed || !at.IsZero() && !now.Before(at) {
		s.failed = true
		return ErrGivenUp
	}
	if at := s.losses.due; !at.IsZero() && !now.Before(at) {
		s.detect(now)
	}
	if at := s.probeAt(); !at.IsZero() && !now.Before(at) {
		s.stats.Timeouts++
		s.rtt.Backoff()
		s.probes, s.probed = 2, 0
		s.lastSent = now
	}
	return nil
}
