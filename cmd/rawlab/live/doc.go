// Package live shows a capture on a whole terminal: the packets as they come,
// the layers of the selected one, and its bytes, those of the chosen layer
// lit.
//
//	Source ── reader ──▶ store ◀── model ──▶ terminal
//	                      │ the last packets, the events in them, the gaps
//
// The reader adds packets to the store as fast as they come; the model, which
// is Bubble Tea's, looks at the store only when it draws or a key was
// pressed, so a fast capture does not wait for a slow terminal. Both hold the
// store's lock while they are at it.
//
// Memory is bounded: the store keeps the last packets, up to a number and to
// a size that counts what was found in them too, and the screen says so.
//
// The package knows no flag and no interface: a [capture.Source] comes in.
package live
