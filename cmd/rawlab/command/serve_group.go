package command

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"rawlab/internal/queue"
	"rawlab/udpq"
)

// groupFlags are a multicast group that events are sent to as well.
type groupFlags struct {
	address string
	topics  []string
	hops    int
	group   udpq.Group
}

func (f *groupFlags) register(s *pflag.FlagSet) {
	s.StringVar(&f.address, "udp-multicast", "", "send events to a multicast group as well, each once however many listen: `group:port%interface`, such as 239.255.0.1:9701%eth0")
	s.StringArrayVar(&f.topics, "multicast-topics", nil, "with --udp-multicast: the topic or `pattern` of events to send there; may be repeated (default all)")
	s.IntVar(&f.hops, "multicast-hops", udpq.DefaultHops, "with --udp-multicast: routers that may pass events on, and one; 1 stays on the local network")
}

// check reads the flags. Whoever is on the network can read what a group gets.
func (f *groupFlags) check(insecure bool) (err error) {
	if f.address == "" {
		if len(f.topics) > 0 || f.hops != udpq.DefaultHops {
			return usagef("--multicast-topics and --multicast-hops are about --udp-multicast group:port%%interface: add it")
		}
		return nil
	}
	if f.group, err = udpq.ParseGroup(f.address); err != nil {
		return usagef("--udp-multicast: %w", err)
	}
	if f.hops < 0 || f.hops > 255 {
		return usagef("--multicast-hops %d: want 0 to 255", f.hops)
	}
	for _, topic := range f.topics {
		if err := queue.CheckSubscription(topic); err != nil {
			return usagef("--multicast-topics: %w", err)
		}
	}
	if len(f.topics) == 0 {
		f.topics = []string{">"}
	}
	local, err := f.group.IsLoopback()
	switch {
	case err != nil:
		return usagef("--udp-multicast %s: %w", f.address, err)
	case !local && !insecure:
		return usagef("--udp-multicast %s can be read by everybody on the network, and is neither encrypted nor asks for tokens; choose the loopback interface with %%lo, or add --insecure if that is wanted", f.address)
	}
	return nil
}

// open makes what sends to the group, if there is to be any.
func (f *groupFlags) open(s *udpq.Server, stderr io.Writer) (*udpq.GroupSender, error) {
	if f.address == "" {
		return nil, nil
	}
	conn, err := f.group.Open(f.hops)
	if err != nil {
		return nil, fmt.Errorf("--udp-multicast: %w", err)
	}
	m, err := s.Multicast(conn, f.group, f.topics)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("--udp-multicast: %w", err)
	}
	fmt.Fprintf(stderr, "rawlab: sending to udp+multicast://%s\n", f.group)
	return m, nil
}

// multicast sends to the group until ctx is done.
func (s *service) multicast(ctx context.Context) {
	if s.group == nil {
		return
	}
	if err := s.group.Serve(ctx); err != nil {
		s.log.Error("nothing is sent to the group any more", "err", err)
	}
}

// summarizeGroup says what was sent to the group.
func (s *service) summarizeGroup() {
	if s.group != nil {
		st := s.group.Stats()
		fmt.Fprintf(s.stderr, "rawlab: multicast: %d events sent to the group in %d datagrams; who got them is not known\n", st.Events, st.Datagrams)
	}
}
