// Package sweep runs a lab over a grid of options, several times each with
// other seeds, and says what came out with its uncertainty.
//
// The seeds are derived from one, the same in every cell: a cell differs from
// its neighbour in the option alone, and the whole repeats. Each cell's mean
// has a 95 % confidence interval by Student's t over its runs.
//
// It does not know labs: it is given a function that runs one cell once.
package sweep
