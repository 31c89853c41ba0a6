package udpq

// finish sends what goes with all that was posted: nothing more is for now.
func (l *link) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m, is := l.machine.(finishing); is && l.err == nil {
		m.finish()
		l.pump(l.clock.Now())
	}
}

// release sends what waits, and what is posted from now on, at once: nobody
// will read answers.
func (l *link) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.machine.release()
		l.pump(l.clock.Now())
		l.tell()
	}
}

// close ends the link, and returns the frames of each datagram that it has
// not sent.
func (l *link) close(err error) (unsent [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end(err)
	return l.machine.unsent()
}

// end is close for who holds mu. The first call counts.
func (l *link) end(err error) {
	if l.err != nil {
		return
	}
	l.err = err
	if l.timer != nil {
		l.timer.Stop()
	}
	l.tell()
}
