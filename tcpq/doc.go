// Package tcpq carries events over TCP: a server with a queue behind it, and
// the client to it.
//
// A conversation is one TCP connection with frames end to end on it:
//
//	client                                   server
//	  hello {versions, name}, origin   →
//	                                   ←   welcome {version, limit, epoch}, origin
//	  subscribe topic, number          →
//	                                   ←   receipt topic, number         or error topic, number
//	  emit topic, origin, sequence     →
//	                                   ←   ack origin, sequence          once a chunk; nack names what was refused
//	                                   ←   event topic, origin, sequence [, offset]
//	  ack topic, offset                →                                 of stored topics
//	                                   ←   nack topic, offsets           what expired before it could be sent, or was given up
//	  emit (request) topic, sequence   →
//	                                   ←   event (reply) request's identity, or error with it
//	  ack origin, sequence             →                                 of a request: its reply is waited for no longer
//	  unsubscribe topic, number        →
//	                                   ←   ack topic, number
//	  bye                              ↔
//
// TCP delivers every byte or breaks, so what is lost here is lost in a queue:
// an outbox that was full, a topic nobody listened to, a log that expired, or
// a connection that broke with events unread. The server counts each.
//
// # Bounds
//
// A client that goes over a limit is told which, and its value, in an error
// that ends the conversation or, of a subscribe, refuses the request alone;
// the client library returns it as a [*RefusedError] or [*ClosedError]. A
// frame over the limit of size, or not whole in time once it has begun, a
// silence in spite of pings, too many connections: [Config] has them all.
//
// # Rights
//
// With [Config.Keyring] a hello bears a token. Events that it does not allow
// to be emitted have the fate unauthorized and are named in a nack;
// subscriptions are refused. When the keyring changes, rights change for
// conversations under way, and those whose token is gone are ended. TLS
// ([Config.TLS]) keeps tokens and events from being read on the way.
//
// # What the server answers itself
//
// A request to [TopicsTopic] asks for the state of the topics that the client
// may emit or listen to, by name, a page at a time. Its payload is a JSON
// object, {"after": NAME}, the reply's {"topics": [{"name", "policy",
// "first", "next", "bytes", "subscribers", "cursors": [{"client", "next",
// "present"}], "cursors_in_all"}…], "more": bool}. A server that does not
// know it refuses it as invalid, since no topic of a user begins with $.
//
// Writes are coalesced on both sides: what gathers while one write runs
// leaves with the next, and an idle connection sends at once. The package
// knows no clock but the one it is given, and never sets socket deadlines in
// the future, since a lab's time is not the machine's.
//
// Who starts a goroutine waits for it: Serve returns, and Close returns, when
// all of theirs have ended.
package tcpq
