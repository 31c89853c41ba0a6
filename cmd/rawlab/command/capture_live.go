package command

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"rawlab/capture"
	"rawlab/capture/pcapng"
)

// runLive captures on an interface until it is told to stop.
func (f *captureFlags) runLive(c *cobra.Command) (err error) {
	if f.inside {
		if err := raiseLoopback(); err != nil {
			return err
		}
	}
	ring, err := f.openRing()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ring.Close()) }()
	out, err := f.openOutput(c, ring)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "listening on %s\n", f.device)
	taken, code, err := f.captureAll(c, ring, out)
	stats, statsErr := ring.Stats()
	if err == nil {
		err = out.writeStats(stats)
	}
	err = out.close(errors.Join(err, statsErr))
	fmt.Fprintf(c.ErrOrStderr(), "%d packets captured, %d dropped by the kernel\n", taken, stats.Dropped)
	out.name(c.ErrOrStderr())
	if err == nil && code != 0 {
		return &exitError{code}
	}
	return err
}

// captureAll returns how many packets it took, and the exit code of the
// command inside the namespace, if there was one.
func (f *captureFlags) captureAll(c *cobra.Command, ring *capture.Ring, out *captureOutput) (taken, code int, err error) {
	if f.inside {
		return f.captureCommand(c, ring, out)
	}
	taken, err = f.capture(c.Context(), ring, out)
	return taken, 0, err
}

func (f *captureFlags) capture(ctx context.Context, ring *capture.Ring, out *captureOutput) (int, error) {
	return capture.Run(ctx, ring, out.sink, &capture.RunConfig{Count: f.count, Live: true})
}

// openRing starts the capture. The filter depends on the link type, which
// only an open ring knows; nearly always it is Ethernet's.
func (f *captureFlags) openRing() (*capture.Ring, error) {
	ring, err := f.openRingAs(pcapng.LinkEthernet)
	if err != nil || f.filter == "" || ring.LinkType() == pcapng.LinkEthernet {
		return ring, err
	}
	link := ring.LinkType()
	if err := ring.Close(); err != nil {
		return nil, err
	}
	return f.openRingAs(link)
}

func (f *captureFlags) openRingAs(linkType uint16) (*capture.Ring, error) {
	config := capture.RingConfig{Interface: f.device, SnapLen: f.snapLen, Promiscuous: true, Split: !f.whole}
	if i, err := net.InterfaceByName(f.device); err == nil && i.Flags&net.FlagLoopback != 0 {
		config.IgnoreOutgoing, config.Promiscuous = true, false
	}
	if f.filter != "" {
		p, err := f.program(linkType)
		if err != nil {
			return nil, err
		}
		config.Filter = p.Raw()
	}
	return capture.OpenRing(&config)
}
