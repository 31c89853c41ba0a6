// Package floors holds no code, only tests of the house as a whole: which
// package may import which, and what no file may contain.
package floors
