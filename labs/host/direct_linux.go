package host

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
)

// Direct is two kernel hosts on one bare cable, without a wire: what the
// wire is measured against.
type Direct struct{ Client, Server *Host }

// NewDirect makes the hosts. The process must be isolated; see [Isolate].
func NewDirect() (*Direct, error) {
	if !Isolated() {
		return nil, errors.New("host: kernel hosts need namespaces of their own; call Isolate first")
	}
	d := &Direct{Client: newClient(0), Server: newServer()}
	if err := d.build(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Direct) build() error {
	end := wireEnds(1)[0]
	if err := d.Client.create(end); err != nil {
		return fmt.Errorf("host %s: %w", d.Client.Name, err)
	}
	if err := d.Server.adopt(d.Client.cable); err != nil {
		return fmt.Errorf("host %s: %w", d.Server.Name, err)
	}
	d.Client.cable = nil // both its ends are gone from here
	for _, pair := range [][2]*Host{{d.Client, d.Server}, {d.Server, d.Client}} {
		if err := pair[0].neighbour(pair[1]); err != nil {
			return fmt.Errorf("host %s: neighbour: %w", pair[0].Name, err)
		}
	}
	return nil
}

// adopt makes the host around the free end of another's cable.
func (h *Host) adopt(end netlink.Link) error {
	var err error
	if h.ns, err = newNamespace(); err != nil {
		return err
	}
	if h.netlink, err = netlink.NewHandleAt(h.ns.handle); err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	if err := netlink.LinkSetNsFd(end, int(h.ns.handle)); err != nil {
		return fmt.Errorf("move %s: %w", end.Attrs().Name, err)
	}
	moved, err := h.netlink.LinkByName(end.Attrs().Name)
	if err != nil {
		return err
	}
	if err := h.netlink.LinkSetName(moved, Interface); err != nil {
		return err
	}
	if err := h.Do(h.quiet); err != nil {
		return err
	}
	return h.address()
}

// Close gives the hosts back.
func (d *Direct) Close() error { return errors.Join(d.Client.close(), d.Server.close()) }
