// Package labs holds the experiments: each asks one question, changes one
// thing, holds the rest fixed, and checks its own claims.
//
// A lab makes a network of its own, runs real servers and clients on it, and
// lets package account settle what became of every event. What it says in
// words is drawn from the numbers of that run.
package labs
