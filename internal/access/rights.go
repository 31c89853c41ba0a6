package access

import "slices"

// Rights are the topics that somebody may emit to and listen to. The zero
// value allows nothing; a nil *Rights allows everything.
type Rights struct {
	Emit, Listen []Pattern
}

// MayEmit reports whether events may be emitted to a topic.
func (r *Rights) MayEmit(topic []byte) bool { return r == nil || covered(r.Emit, topic) }

// MayListen reports whether a topic, or everything that a pattern means, may
// be listened to.
func (r *Rights) MayListen(topic []byte) bool { return r == nil || covered(r.Listen, topic) }

// MaySee reports whether somebody may know of a topic at all.
func (r *Rights) MaySee(topic []byte) bool { return r.MayEmit(topic) || r.MayListen(topic) }

func covered(patterns []Pattern, topic []byte) bool {
	return slices.ContainsFunc(patterns, func(p Pattern) bool { return p.Covers(topic) })
}
