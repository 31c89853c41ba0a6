// Package account answers for every event: delivered, or lost here and for
// this reason.
//
// It joins what each witness on an event's way saw. No one of them knows
// enough; together they leave no gap, or the gap is shown as unexplained:
//
//	emitter's log ─ tap at the sending host ─ wire's ledger ─ tap at the receiving host ─ its door ─ what the application read
//	                 └─────────────────── once to the server, once more to the subscriber ───────────────────┘
//
// Packets are joined by a hash of their bytes, corrupted ones by the two
// hashes that the wire wrote down, since their bytes lie; datagrams in which
// no frame can be read, by their place among the others. Counts that the
// kernel keeps for itself must agree with what was attributed; where a count
// is short, nobody knows which of the events it speaks of, and all of them
// are unexplained.
//
// Outside of a lab there are fewer witnesses: an [Observer] tells how far events
// came at some taps, and [Dropped], given what the kernel of a capturing host
// says that it drops, which of those went no further, and why.
//
// The package owns the words for fates. It takes plain rows and knows
// neither sockets nor labs.
package account
