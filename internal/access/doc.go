// Package access knows who may talk to a server: tokens and the topics they
// open, and the certificates that keep both from being read on the way.
//
// It knows no sockets and no sessions. A server asks a [Keyring] what the
// bearer of a token may do, keeps the [Grant] beside the session, and asks
// again when [Keyring.OnChange] says that the file has changed.
//
// # Tokens
//
// A token is 256 random bits behind a prefix that secret scanners can look
// for. The file holds its SHA-256 alone (no salt is needed: nobody guesses
// 256 bits), so who reads the file cannot use what is in it:
//
//	tokens:
//	  - name: sensors
//	    sha256: 5d41…64 hexadecimal digits
//	    emit: [orders.>]
//	    listen: [orders.*.status, news]
//	    expires: 2027-01-31
//	anonymous:              # what clients without a token may do; absent: nothing
//	  listen: [public.>]
//
// # Patterns
//
// Topics are words between dots. In a pattern * stands for one word and >,
// at the end, for one word or more; without them it is one topic.
package access
