//go:build !linux

package labs

import "rawlab/labs/report"

// watchTimer measures nothing: only kernel hosts, which are Linux's, run in
// the machine's time.
func watchTimer(*Options) (stop func() *report.Latency) {
	return func() *report.Latency { return nil }
}
