// Package queue is the middle of a server: topics, what is kept of them, and
// what waits to leave for each subscriber.
//
// It knows frames but no sockets. A transport attaches a [Session] for every
// client, publishes the emit frames it reads and writes out the chunks it
// takes:
//
//	reader goroutine   Publish … Publish, Commit      once per chunk read
//	                   Settle                         when it has read the last
//	writer goroutine   Wake → Take → write → Sent     once per chunk written
//
// # Topics
//
// A topic is known by its exact name. Its policy is [PolicyIgnore], when an event
// nobody listens to is gone (offline), or [PolicyStore], when it is appended to
// the topic's log and kept within [Retention]. A client that listens under a
// name makes the topic a stored one, unless its policy was set. A topic that
// is ignored goes away with who uses it.
//
// One listens to a topic or to a pattern of topics, and gets each event once,
// however many of one's subscriptions match. Who listens to an ignored topic
// by a pattern is found out once and kept until patterns change. Stored topics
// are joined one by one, since each has its offsets; a named client's pattern
// stays when it goes, so that topics born meanwhile are stored for it.
//
// # Delivery
//
// Events of one origin and topic leave in the order they came, stored ones
// once they are safe: the [Store] tells what a log grew by. Nobody holds a
// topic's lock while a store writes or reads. What is
// ignored waits in the live lane of a subscriber's outbox, which is bounded;
// [Overflow] says what happens there. What is stored is never dropped there:
// the subscriber lags and is filled from the log when its outbox is empty.
// A named client has a cursor per topic, which moves when it acknowledges an
// offset; on return it gets a receipt and what came since, at least once. A
// subscriber may ask for more: each event at most once, or again until it is
// acknowledged, with a window of those that are on their way.
//
// An event that its emitter sends again, for want of an acknowledgement, is
// accepted once, by its origin and sequence. A request goes to who listens
// now, and is never stored; the first reply ends it.
//
// # Accounts
//
// For every event published, each subscriber gets it handed to its socket
// (forwarded) or not (dropped, with a fate). [Meter] counts both, and tells
// a trace if there is one. What is sent again for want of an acknowledgement,
// or given up, is counted apart. A trace must be quick and must not call back.
//
// # Memory
//
// An event is encoded once for all subscribers that want the same bytes; what
// is published is copied before Publish returns; a chunk belongs to who took
// it until the next Take.
package queue
