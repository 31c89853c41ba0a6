// Package report shows what a lab measured: as a table, as JSON, and as a
// bundle of files that can be looked into later.
//
// It knows nothing of how the numbers came about.
package report
