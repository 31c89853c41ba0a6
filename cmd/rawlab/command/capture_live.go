package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rawlab/capture"
	"rawlab/capture/pcapng"
)

// tap is the interfaces that a live capture captures on.
type tap struct {
	rings  []*capture.Ring
	merged *capture.Merged // of several rings
	asked  *askedSource    // with --kernel-reasons
	capture.Source
}

// stop ends the capture in good order.
func (t *tap) stop() {
	for _, r := range t.rings {
		r.Stop()
	}
}

func (t *tap) close() (err error) {
	for _, r := range t.rings {
		err = errors.Join(err, r.Close())
	}
	if t.asked != nil {
		err = errors.Join(err, t.asked.close())
	}
	if t.merged != nil {
		t.merged.Close()
	}
	return err
}

// Stats returns what each ring counted.
func (t *tap) Stats() (all []capture.Stats, err error) {
	for _, r := range t.rings {
		s, ringErr := r.Stats()
		all, err = append(all, s), errors.Join(err, ringErr)
	}
	return all, err
}

// runLive captures on interfaces until it is told to stop.
func (f *captureFlags) runLive(c *cobra.Command) (err error) {
	if f.inside {
		if err := raiseLoopback(); err != nil {
			return err
		}
	}
	names, err := f.interfaces()
	if err != nil {
		return err
	}
	t, err := f.openAsked(names)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if f.live {
		return f.viewLive(c, t, names)
	}
	out, err := f.openOutput(c, t)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "listening on %s\n", strings.Join(names, ", "))
	taken, code, err := f.captureAll(c, t, out)
	stats, statsErr := t.Stats()
	if err == nil {
		err = out.writeStats(stats)
	}
	err = out.close(errors.Join(err, statsErr))
	dropped := uint64(0)
	for _, s := range stats {
		dropped += s.Dropped
	}
	fmt.Fprintln(c.ErrOrStderr(), t.count(taken, dropped))
	out.name(c.ErrOrStderr())
	if t.asked != nil && out.events == nil {
		err = errors.Join(err, t.asked.printReasons(c.OutOrStdout(), c.ErrOrStderr(), f.json))
	}
	if err == nil && code != 0 {
		return &exitError{code}
	}
	return err
}

// count says how many packets there were. What else the kernel dropped is
// another matter.
func (t *tap) count(taken int, missed uint64) string {
	if t.asked != nil {
		return fmt.Sprintf("%d packets captured, %d missed", taken, missed)
	}
	return fmt.Sprintf("%d packets captured, %d dropped by the kernel", taken, missed)
}

// interfaces returns what to capture on: those named, each once, or all that
// are up.
func (f *captureFlags) interfaces() ([]string, error) {
	var names []string
	for _, name := range f.devices {
		if name == "any" {
			all, err := net.Interfaces()
			if err != nil {
				return nil, fmt.Errorf("interfaces: %w", err)
			}
			for _, i := range all {
				if i.Flags&net.FlagUp != 0 {
					names = append(names, i.Name)
				}
			}
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return nil, errors.New("no interface is up")
	}
	return names, nil
}

// captureAll returns how many packets it took, and the exit code of the
// command inside the namespace, if there was one.
func (f *captureFlags) captureAll(c *cobra.Command, t *tap, out *captureOutput) (taken, code int, err error) {
	take := func(ctx context.Context) (int, error) {
		return capture.Run(ctx, t, out.sink, &capture.RunConfig{Count: f.count, Live: true})
	}
	if !f.inside {
		taken, err = take(c.Context())
		return taken, 0, err
	}
	command := exec.Command(f.command[0], f.command[1:]...)
	command.Stdin, command.Stdout, command.Stderr = c.InOrStdin(), c.ErrOrStderr(), c.ErrOrStderr()
	if f.write != "" && f.write != "-" {
		command.Stdout = c.OutOrStdout()
	}
	return captureCommand(c.Context(), t, command, take)
}

// openAsked starts the capture, and before it asking the kernel, if that is
// wanted.
func (f *captureFlags) openAsked(names []string) (*tap, error) {
	if !f.reasons {
		return f.openTap(names)
	}
	wanted, err := f.program(pcapng.LinkRaw)
	if err != nil {
		return nil, fmt.Errorf("--kernel-reasons: of what it drops the kernel tells from IP on: %w", err)
	}
	watch, err := askKernel()
	if err != nil {
		return nil, err
	}
	t, err := f.openTap(names)
	if err == nil {
		_, err = watch.Take() // nobody captured those
	}
	if err != nil {
		return nil, errors.Join(err, watch.Close())
	}
	t.asked = newAskedSource(t.Source, watch, wanted, !f.quiet && f.account == "", f.account != "")
	t.Source = t.asked
	return t, nil
}

// openTap starts the capture on every interface.
func (f *captureFlags) openTap(names []string) (*tap, error) {
	t := &tap{}
	var sources []capture.Source
	for _, name := range names {
		ring, err := f.openRing(name)
		if err != nil {
			return nil, errors.Join(err, t.close())
		}
		t.rings = append(t.rings, ring)
		sources = append(sources, ring)
	}
	t.Source = sources[0]
	if len(sources) > 1 {
		t.merged = capture.Merge(sources...)
		t.Source = t.merged
	}
	return t, nil
}

// openRing starts the capture. The filter depends on the link type, which
// only an open ring knows; nearly always it is Ethernet's.
func (f *captureFlags) openRing(name string) (*capture.Ring, error) {
	ring, err := f.openRingAs(name, pcapng.LinkEthernet)
	if err != nil || f.filter == "" || ring.LinkType() == pcapng.LinkEthernet {
		return ring, err
	}
	link := ring.LinkType()
	if err := ring.Close(); err != nil {
		return nil, err
	}
	return f.openRingAs(name, link)
}

func (f *captureFlags) openRingAs(name string, linkType uint16) (*capture.Ring, error) {
	config := capture.RingConfig{Interface: name, SnapLen: f.snapLen, Promiscuous: true, Split: !f.whole}
	if f.reasons { // packets wait there while the kernel is asked
		config.Blocks = 4 * capture.DefaultBlocks
	}
	if i, err := net.InterfaceByName(name); err == nil && i.Flags&net.FlagLoopback != 0 {
		config.IgnoreOutgoing, config.Promiscuous = true, false
	}
	if f.filter != "" {
		p, err := f.program(linkType)
		if err != nil {
			return nil, err
		}
		if config.Filter, err = kernelProgram(p); err != nil {
			return nil, err
		}
	}
	return capture.OpenRing(&config)
}
