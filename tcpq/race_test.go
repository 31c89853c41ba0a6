//go:build race

package tcpq_test

// raceFactor is how much more memory the race detector takes.
const raceFactor = 2
