package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"rawlab/internal/queue"
	"rawlab/tcpq"
	"rawlab/udpq"
	"rawlab/udpq/dtls"
)

// MaxTopics bounds the stored topics that have series of their own: the first
// by name. All are in the sums.
const MaxTopics = 100

// Sources are what is shown. Nil ones are left out.
type Sources struct {
	TCP   *tcpq.Server
	UDP   *udpq.Server
	DTLS  *dtls.Socket
	Queue *queue.Queue
	Group *udpq.GroupSender // to a multicast group
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("rawlab_"+name, help, labels, nil)
}

var (
	connections = desc("connections", "TCP connections and UDP sessions open now.", "transport")
	accepted    = desc("accepted_total", "TCP connections accepted and UDP sessions begun.", "transport")
	refused     = desc("refused_total", "Connections cut off before their welcome.", "transport", "reason")
	received    = desc("events_received_total", "Events taken from emitters.", "transport")
	forwarded   = desc("events_forwarded_total", "Events handed to subscribers' sockets, counted for each subscriber.", "transport")
	dropped     = desc("events_dropped_total", "Events that were not handed on, by fate; counted for each subscriber they were meant for.", "transport", "fate")
	read        = desc("read_bytes_total", "Bytes of frames read from TCP clients.")
	sent        = desc("sent_bytes_total", "Bytes of frames written to TCP clients.")
	retries     = desc("udp_retries_total", "Hellos that a cookie was asked for: each client says one.")
	strangers   = desc("udp_strangers_total", "Frames from addresses without a session.")
	forged      = desc("udp_forged_total", "Hellos, moves and byes that showed what they were not given, or too late.")
	limited     = desc("udp_limited_total", "Hellos, moves and strangers' frames passed over, since too many had come from their source.")
	moved       = desc("udp_moves_total", "Times that a session went on from another address.")
	overflow    = desc("udp_overflow_total", "Datagrams, or trains of them, that met a full receive buffer, as the kernel told with later ones.")
	grouped     = desc("multicast_events_total", "Events sent to the multicast group, in pieces or whole.")
	groupedIn   = desc("multicast_datagrams_total", "Datagrams sent to the multicast group.")
	standing    = desc("dtls_associations", "DTLS associations open now.")
	handshakes  = desc("dtls_handshakes_total", "DTLS handshakes, by how they ended.", "end")
	noRecords   = desc("dtls_datagrams_dropped_total", "Datagrams that were no record of an association, or came faster than deciphered.")
	dtlsLimited = desc("dtls_limited_total", "Datagrams of DTLS handshakes passed over, since too many had come from their source.")
	dtlsMoves   = desc("dtls_moves_total", "Times that a DTLS association went on from another address.")
	datagrams   = desc("datagrams_received_total", "UDP datagrams received.")

	topics   = desc("topics", "Topics that are listened to or stored.")
	stored   = desc("stored_topics", "Topics that are stored.")
	events   = desc("log_events", "Events in the logs of all stored topics.")
	size     = desc("log_bytes", "Bytes of frames in the logs of all stored topics.")
	lag      = desc("lag_events", "Events not acknowledged, over all clients with a name and stored topics.")
	expired  = desc("events_expired_total", "Stored events that expired before a client that was away came for them.")
	depthOf  = desc("topic_log_events", "Events in the log of a stored topic; the first 100 topics by name.", "topic")
	lagOf    = desc("topic_lag_events", "Events that the client furthest behind has not acknowledged; the first 100 stored topics by name.", "topic")
	allDescs = []*prometheus.Desc{
		connections, accepted, refused, received, forwarded, dropped, read, sent, datagrams,
		retries, strangers, forged, limited, moved, overflow, grouped, groupedIn,
		standing, handshakes, noRecords, dtlsLimited, dtlsMoves,
		topics, stored, events, size, lag, expired, depthOf, lagOf,
	}
)

// collector asks the sources.
type collector struct{ Sources }

// Describe tells all series there may be.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range allDescs {
		to <- d
	}
}

// Collect asks the sources for their counters.
func (c collector) Collect(to chan<- prometheus.Metric) {
	if c.TCP != nil {
		s := c.TCP.Stats()
		door{to, "tcp"}.tell(s.Connections, s.Accepted, s.Received, s.Forwarded, s.Dropped)
		for reason, n := range s.Refusals {
			count(to, refused, n, "tcp", reason)
		}
		count(to, read, s.BytesRead)
		count(to, sent, s.BytesSent)
	}
	if c.UDP != nil {
		s := c.UDP.Stats()
		door{to, "udp"}.tell(s.Sessions, s.Accepted, s.Received, s.Forwarded, s.Dropped)
		count(to, refused, s.Refused, "udp", "any")
		count(to, datagrams, s.Datagrams)
		count(to, retries, s.Retries)
		count(to, strangers, s.Strangers)
		count(to, forged, s.Forged)
		count(to, limited, s.Limited)
		count(to, moved, s.Moved)
		count(to, overflow, s.Overflow)
	}
	if c.Group != nil {
		s := c.Group.Stats()
		count(to, grouped, s.Events)
		count(to, groupedIn, s.Datagrams)
	}
	if c.DTLS != nil {
		s := c.DTLS.Stats()
		gauge(to, standing, float64(s.Associations))
		count(to, handshakes, s.Established, "established")
		count(to, handshakes, s.Failed, "failed")
		count(to, handshakes, s.Refused, "refused")
		count(to, noRecords, s.Dropped)
		count(to, dtlsLimited, s.Limited)
		count(to, dtlsMoves, s.Moved)
	}
	if c.Queue != nil {
		c.collectQueue(to)
	}
}

// door is the counters that both transports have.
type door struct {
	to        chan<- prometheus.Metric
	transport string
}

func (d door) tell(open int, begun, in, out uint64, lost map[queue.Fate]uint64) {
	gauge(d.to, connections, float64(open), d.transport)
	count(d.to, accepted, begun, d.transport)
	count(d.to, received, in, d.transport)
	count(d.to, forwarded, out, d.transport)
	for fate, n := range lost {
		count(d.to, dropped, n, d.transport, string(fate))
	}
}

func (c collector) collectQueue(to chan<- prometheus.Metric) {
	sum := c.Queue.Totals(MaxTopics)
	gauge(to, topics, float64(sum.Topics))
	gauge(to, stored, float64(sum.Stored))
	gauge(to, events, float64(sum.Depth))
	gauge(to, size, float64(sum.Bytes))
	gauge(to, lag, float64(sum.Lag))
	count(to, expired, c.Queue.Dropped()[queue.FateExpired])
	for _, t := range sum.First {
		gauge(to, depthOf, float64(t.Depth), t.Name)
		gauge(to, lagOf, float64(t.Lag), t.Name)
	}
}

func count(to chan<- prometheus.Metric, d *prometheus.Desc, n uint64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func gauge(to chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}
