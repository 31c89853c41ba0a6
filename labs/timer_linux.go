package labs

import (
	"rawlab/labs/host"
	"rawlab/labs/report"
)

// watchTimer measures, beside a lab on kernel hosts, how late the machine
// wakes a thread that only waits. The caller calls stop once, for the result.
func watchTimer(o *Options) (stop func() *report.Latency) {
	if o.backend() != BackendKernel {
		return func() *report.Latency { return nil }
	}
	b, err := host.StartBareTimer()
	if err != nil {
		return func() *report.Latency { return nil } // a lab does without
	}
	return func() *report.Latency {
		late, err := b.Stop()
		if err != nil {
			return nil
		}
		return report.Percentiles(late)
	}
}
