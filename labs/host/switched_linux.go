package host

import (
	"errors"

	"rawlab/labs/wire"
)

// Switched is a lab of one server and any number of client hosts on a switch
// of the wire's. Every host has a link of its own, impaired in each direction
// on its own: link 0 is the server's, link i the i-th client's, from 1.
type Switched struct {
	Server  *Host
	Clients []*Host
	Switch  *wire.SwitchProcess
}

// NewSwitched makes the hosts and starts the switch, whose links pass
// everything until they are told otherwise. The first client is called
// client, as in a lab of two, the others client2, client3 and so on. The
// process must be isolated; see [Isolate].
func NewSwitched(c *Config, clients int) (*Switched, error) {
	if c == nil {
		c = &Config{}
	}
	if err := checkClients(clients); err != nil {
		return nil, err
	}
	if !Isolated() {
		return nil, errors.New("host: kernel hosts need namespaces of their own; call Isolate first")
	}
	s := &Switched{Server: newServer()}
	for i := range clients {
		s.Clients = append(s.Clients, newClient(i))
	}
	if err := s.build(c); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Switched) build(c *Config) error {
	hosts := append([]*Host{s.Server}, s.Clients...)
	ends, err := connect(c, hosts)
	if err != nil {
		return err
	}
	config := &wire.SwitchConfig{Seed: c.Seed, Forget: c.Forget}
	for i, h := range hosts {
		config.Links = append(config.Links, wire.Link{Interface: ends[i], Hardware: [6]byte(h.hardware)})
	}
	inherit, err := inheritance(hosts...)
	if err != nil {
		return err
	}
	defer inherit.close()
	s.Switch, err = wire.StartSwitchProcess(config, inherit.environment(), inherit.files...)
	return err
}

// Close ends the switch, if it still runs, and gives the hosts back.
func (s *Switched) Close() error {
	var errs []error
	if s.Switch != nil {
		errs = append(errs, s.Switch.Close())
	}
	for _, h := range append([]*Host{s.Server}, s.Clients...) {
		errs = append(errs, h.close())
	}
	return errors.Join(errs...)
}
