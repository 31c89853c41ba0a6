package edge

import (
	"rawlab/framing"
	"rawlab/internal/queue/fates"
)

// Numbering gives events their sequences: each topic is a stream of its own,
// see [framing.Sequence]. The zero value is ready. It is not safe for
// concurrent use.
type Numbering struct {
	streams map[string]uint16
	last    []uint64 // number given last, by stream
	topic   string   // of the last call, to save the look-up
	stream  uint16
}

// Next returns the sequence of the next event for topic.
func (n *Numbering) Next(topic string) uint64 {
	if len(n.last) == 0 || n.topic != topic {
		n.topic, n.stream = topic, n.find(topic)
	}
	n.last[n.stream]++
	return framing.Sequence(n.stream, n.last[n.stream])
}

// find returns the topic's stream. Topics for which none is left share the last.
func (n *Numbering) find(topic string) uint16 {
	if s, known := n.streams[topic]; known {
		return s
	}
	if len(n.last) == framing.Streams {
		return framing.Streams - 1
	}
	if n.streams == nil {
		n.streams = make(map[string]uint16)
	}
	s := uint16(len(n.last))
	if int(s) < framing.Streams-1 {
		n.streams[topic] = s
	}
	n.last = append(n.last, 0)
	return s
}

// Sent returns every stream and the number given last in it. The last stream
// there can be has no topic, since topics share it.
func (n *Numbering) Sent() []fates.SentTopic {
	all := make([]fates.SentTopic, len(n.last))
	for stream, last := range n.last {
		all[stream] = fates.SentTopic{Stream: uint16(stream), Last: last}
	}
	for topic, stream := range n.streams {
		all[stream].Topic = topic
	}
	return all
}

// Last returns the number given last in every stream. It is valid until the
// following Next.
func (n *Numbering) Last() []uint64 { return n.last }
