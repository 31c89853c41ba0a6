package udpq

import "time"

// machine is the state machines of one end of a conversation on a rung. It
// knows neither sockets nor a clock, and is used by one goroutine at a time:
// a link runs it, both for events that leave and for those that come.
type machine interface {
	// post takes the frames of a datagram of events, which it copies. Ask for
	// room before.
	post(now time.Time, frames []byte)
	// room reports whether another datagram may be posted, idle whether
	// nothing of what was posted is open any more.
	room() bool
	idle() bool
	// open reads a datagram and heeds what it says of the events that left.
	// It is valid until accept.
	open(now time.Time, datagram []byte) opened
	// accept returns the frames to deliver now, oldest first, out of the
	// datagram opened last, if that carries events. Without it, the datagram
	// counts as lost. They are valid until the next call.
	accept(now time.Time) [][]byte
	// next appends a datagram to send now to buf, if there is one.
	next(now time.Time, buf []byte) (outgoing, bool)
	// wake returns when to call tick and next again unless something happens
	// before, the zero time if never.
	wake(now time.Time) time.Time
	// tick acts on the time. An error ends the conversation.
	tick(now time.Time) error
	// release lets all leave at once that waits, and what is posted from now
	// on: nobody reads answers any more.
	release()
	// unsent returns the frames of each datagram posted that has not left.
	unsent() [][]byte
	// stats fills in what a client is told of its rung.
	stats(*ClientStats)
}

// bounding is a machine that lets the other end send no more than there is
// room for. It is told when the application has done with bytes of frames that
// accept returned.
type bounding interface {
	bound(bytes int) // before anything has come; 0: the default
	done(bytes int)
}

// timely is a machine that delivers when time has passed, too. Due reports
// whether accept has something to return though no events have come: what was
// waited for will not.
type timely interface{ due() bool }

// reporting is a machine that tells of which datagrams posted it is not known
// yet whether they come: their frames.
type reporting interface {
	underway(now time.Time) [][]byte
}

// doubtful is a machine that may be idle because nobody answers: then unsure
// is why what was posted may not have come.
type doubtful interface{ unsure() error }

// finishing is a machine that keeps something back for what may be posted
// next. Finish lets it leave at once, since nothing is.
type finishing interface{ finish() }

// patient is a machine that does not look at when something is posted.
type patient interface{ patient() }

// spacious is a machine that tells apart room for one datagram and for many.
type spacious interface{ spacious() bool }

// opened is what a datagram turned out to be.
type opened struct {
	mine    bool // of the rung's making; else it is frames that are no events, to be obeyed as without a rung
	events  bool // it carries events: accept them
	invalid int  // frames that were none; then nothing else holds
}

// outgoing is a datagram to send.
type outgoing struct {
	datagram []byte
	first    []byte // its frames, if they leave for the first time
}
