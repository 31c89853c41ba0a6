// Package metrics shows what servers count to Prometheus, over HTTP.
//
// It asks servers and queue for their counters when it is asked itself, so
// that events cost nothing more. Nothing is labelled by client; by topic are
// the stored ones up to [MaxTopics], since every label is a series that
// somebody keeps.
package metrics
