package labs

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"

	"rawlab/labs/host"
)

// sockets are all that a run has opened on its hosts. When the run cannot go
// on they are cut: whoever waits on one of them learns it at once.
type sockets struct {
	mu   sync.Mutex
	open []io.Closer
	cut  bool
}

func (s *sockets) add(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, c)
	if s.cut {
		c.Close()
	}
}

// cutAll closes every socket, and those that are opened later.
func (s *sockets) cutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
	for _, c := range s.open {
		c.Close()
	}
}

// cutAs says what an error of a run was that was cut: why it was.
func cutAs(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// host is a host as the run uses it.
func (x *transfer) host(side int, h Host) Host {
	if x.around != nil {
		h = x.around(side, h)
	}
	if x.options.TCPCongestion != "" {
		h = &congestionHost{h, x.network, x.options.TCPCongestion}
	}
	return &cutHost{h, &x.sockets}
}

// congestionHost is a host whose TCP sockets have another congestion control
// than its own.
type congestionHost struct {
	Host
	network Network
	name    string
}

func (h *congestionHost) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := h.Host.Dial(ctx, network, address)
	if err != nil || !strings.HasPrefix(network, "tcp") {
		return c, err
	}
	if err := h.network.SetCongestionControl(c, h.name); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Listen's connections inherit what the listener has.
func (h *congestionHost) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	l, err := h.Host.Listen(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if err := h.network.SetCongestionControl(l, h.name); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (h *congestionHost) CongestionControl() (string, error) { return h.name, nil }

// cutHost is a host whose sockets can be cut.
type cutHost struct {
	Host
	sockets *sockets
}

func (h *cutHost) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := h.Host.Dial(ctx, network, address)
	if err == nil {
		h.sockets.add(c)
	}
	return c, err
}

func (h *cutHost) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	c, err := h.Host.ListenPacket(ctx, network, address)
	if err == nil {
		h.sockets.add(c)
	}
	return c, err
}

func (h *cutHost) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	l, err := h.Host.Listen(ctx, network, address)
	return h.cuttable(l, err)
}

func (h *cutHost) ListenAs(ctx context.Context, network, address string, o host.Listening) (net.Listener, error) {
	l, err := h.Host.ListenAs(ctx, network, address, o)
	return h.cuttable(l, err)
}

func (h *cutHost) cuttable(l net.Listener, err error) (net.Listener, error) {
	if err != nil {
		return nil, err
	}
	h.sockets.add(l)
	return &cutListener{l, h.sockets}, nil
}

// cutListener is a listener whose connections can be cut.
type cutListener struct {
	net.Listener
	sockets *sockets
}

func (l *cutListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.sockets.add(c)
	}
	return c, err
}
