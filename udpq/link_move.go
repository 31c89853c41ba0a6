package udpq

// mover is a machine that does something about another path.
type mover interface{ moved() }

// blind is a machine that is told nothing of what has come: what may have gone
// to another address is the session's to send again.
type blind interface{ blind() }

// isBlind reports whether the machine is.
func (l *link) isBlind() bool {
	_, is := l.machine.(blind)
	return is
}

// moved says that the other end, or this one, has another address.
func (l *link) moved() {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, ok := l.machine.(mover)
	if !ok || l.err != nil {
		return
	}
	m.moved()
	l.pump(l.clock.Now())
}
