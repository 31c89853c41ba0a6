// Package disk keeps the logs of a queue in a folder. What it has answered
// for survives the end of the process and of the power.
//
// It knows nothing of topics' meaning or of clients, and of frames only where
// their size and identity stand; the queue tells it when to trim.
//
// # Files
//
//	LOCK          held by the process that has the folder
//	journal-0, -1 groups of what came last, of all topics, in the order it came
//	data-N        blocks: many events of one topic each; written once
//	state-N       topics, where their blocks lie, cursors, origins
//
// An append joins the group that gathers for the next write. The writer gives
// the group to the journal in one write and one fsync, makes it visible and
// answers for it, while the next one gathers: so one fsync serves however
// many publishers and topics. The journal's files are written in full when
// they are made, and used in turn; what is in them is in memory too. When one
// is full, the mover copies its events into blocks of a data file, says so in
// the state, and the file is free again. If the mover falls behind, writing
// waits for it; if the disk is full, appends are refused until there is room.
// Trimming moves where a log begins; a file goes when nothing in it is left,
// and the rest of those that are mostly dead is copied together.
//
// # Damage
//
// Every byte is under a checksum, and all of them are read at the start. A
// group or a step of the state that is not whole was never acknowledged if it
// is the last one, since each is written only when the one before is safe: it
// is cut, and the log says so. Otherwise opening fails with a [DamageError].
// Damage to the very last group cannot be told from such a cut.
//
// # Bounds
//
// Memory holds what is in the journal's files, twice Config.JournalBytes at
// most, and one group of 4 MiB on its way; besides a table of blocks of some
// 64 KiB each. At most 64 data files stay open, whatever reads them. Dead
// bytes in data files are bounded by those alive, and a journal's size.
//
// # Reasons
//
// A store of others below a journal would have been less code: bbolt. But it
// maps its file, so that no test can let its writes fail or the power go in
// between, it has no checksums on what it stores, and it takes a core at the
// rates wanted here. Here every operation on files goes through an interface
// of ten methods, below which a test loses unsynced sectors at random.
//
// Measured in one run, in turn, on two CPUs, 128 B each: 64 writers that wait
// for every append 297 k/s, CockroachDB's Pebble, synced, 169 k/s. Over TCP 64
// emitters with 64 events each on their way 1.27 M/s, JetStream that syncs
// always 5 k/s. With one on its way each it is the sockets that take the time:
// 48 k/s on the disk, 49–60 k/s in memory, where a plain echo makes 114 k/s.
package disk
