// Package jetstream keeps the logs of a queue on NATS JetStream, where several
// servers have them at once: a named client that leaves one server goes on at
// another. It survives what the broker survives.
//
// It knows nothing of topics' meaning or of clients, and of frames only where
// their size and identity stand; the queue tells it when to trim.
//
// # What is on the broker
//
//	stream NAME_TOPIC, subject NAME.TOPIC   a topic's log: a message is an event
//	bucket NAME                             what the servers share besides
//	  epoch           drawn when the bucket was made
//	  t.TOPIC         there is a log
//	  c.TOPIC.CLIENT  a cursor: the next offset that the client wants
//	  f.TOPIC         where the log begins, since somebody trimmed it
//	  sync            written to see one's own writing come back
//
// Names may hold any bytes: small letters, digits and - stand for themselves,
// others are _ and two hexadecimal digits, so that two names never meet, even
// as folders where A is a. What is too long for a stream is _h and its SHA-256.
// A message is when the event came (8 bytes, nanoseconds since 1970), then its
// frame. It is one of its own, not one of many in a batch, so that the offset
// is the stream's sequence: the broker counts for all servers, without holes.
//
// # Appending
//
// What is appended to a topic gathers while the group before it is on its way;
// then it leaves as atomic batches (NATS ADR-50) of at most 1,000 events, for
// each of which the broker answers once: all or none. One group of a topic is
// on its way at a time, so that the order of every origin stands however often
// something is sent again. A broker flushes to its disk when it is configured
// to: by default every two minutes, with sync_interval: always before it
// answers. Below that, replicas are what makes an event safe.
//
// Every event has a message ID, origin:sequence. When an answer is lost, or a
// client emits again through another server, the broker tells within
// Config.DuplicateWindow that it has the event. Beyond that, each server
// remembers the numbers of what it has seen come into the logs, through
// whichever server, as far as the queue remembers origins.
//
// # Following
//
// Each server follows the stream of every topic with a push consumer, also for
// what it has appended itself: so all servers see one order, and grown is told
// of an event in the order of offsets. The bucket is followed likewise.
// Refresh writes to it and waits until that comes back, and until a log is
// followed up to its end: then everything that others did before is known, and
// a receipt is right. An append is done when the broker has it and grown was
// told of it here. A cursor is written by comparing revisions and only ever
// moves on; which server wrote it does not matter.
//
// # A broker that is away
//
// The connection comes back by itself. What is appended meanwhile waits for
// Config.Patience, and is refused then with [ErrAway]; at most 16 MiB wait,
// then Append does. Nothing is acknowledged that the broker has not answered
// for. What had left when the answer was lost may be in the log though it was
// refused: emitted again with the same number it is there once. An append of
// more than 1,000 events may be refused when a first thousand of it is in the
// log already. If the broker returns with another epoch, or none, it has lost
// the logs: everything is refused with [ErrLost].
//
// # What differs from a store of one's own
//
// An append takes a way to the broker and back, and one to the subscriber.
// Events of different origins are in one order for all servers, but which came
// first is decided at the broker, not by when they reached a server. A topic
// that one server makes a stored one is that for another a moment later: what
// is emitted there within that moment may still be ignored. A client that acks
// and leaves at once may be at the next server before the ack is in the bucket:
// unless it says where it was, as one that reconnects does, it gets those events
// again. Events that two servers trim at the same moment may be counted as
// expired by both. The limits are those of the queue, trimmed by whichever
// server appends; the streams themselves have none, so that nothing goes
// uncounted. Ignored topics, requests and broadcasts stay with the clients of one
// server. A stream and a consumer per topic and server cost the broker more than
// a log costs a disk: it is made for thousands of topics, not for a million. A
// server that starts reads all logs once, and keeps 16 bytes for each event.
package jetstream
