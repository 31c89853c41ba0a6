// Package fates keeps, for clients that ask for it, what became of each of
// their events, and joins what both ends know into one report.
//
// A server has a [Book]: one [Ledger] for each origin that has asked for one.
// It holds the numbers of each stream as runs that share an [Outcome], so that
// a million events that went the same way are one run. What is not known by
// number, since the kernel tells how many datagrams met a full receive buffer
// and not which, is an [Unplaced] count with the time between which it was.
//
// A client asks the server itself: by an emit with FlagRequest to [Topic], of
// origin 0, since it is no event, and with the number of a question, as a
// subscribe has one. The answer is an ack of that number, or an error. Both
// payloads are JSON, see [Query] and [Answer]:
//
//	{"begin":true}                 → {"ledger":"1f…","since":…,"now":…}
//	{"from":1}                     → {"ledger":"1f…","since":…,"now":…,"unplaced":[…],
//	                                  "outcomes":[{"received":1,"due":1,"forwarded":1},{}],
//	                                  "streams":[{"from":1,"known":1,"runs":[16,0, 1,1, 2,0]}],
//	                                  "next":20}
//	{"from":20}                    → …
//
// A run is a count of numbers and the index of their outcome in this answer;
// each stream's begin at its from, a sequence, and follow each other. An answer
// that does not hold all names where the next begins. As every number is told
// once, answers from different moments still tell of each event once.
//
// Memory is bounded: of an origin that needs more runs than [MaxRuns], those of
// its lowest numbers are forgotten, and known says from which sequence on
// something is known.
//
// This package knows neither sockets nor queues.
package fates
