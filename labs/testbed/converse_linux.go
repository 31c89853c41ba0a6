package testbed

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"rawlab/labs/host"
)

// converse answers one client.
func (k *keeper) converse(p *peer) {
	files, err := p.receiveFiles()
	if err != nil {
		return // 'up' looks in like this, to see whether somebody is at home
	}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if err := authenticate(p); err != nil {
		p.out.Encode(&reply{Error: err.Error()})
		return
	}
	var q request
	if err := p.in.Decode(&q); err != nil {
		return
	}
	if err := k.obey(p, &q, files); err != nil {
		p.out.Encode(&reply{Error: err.Error()})
	}
}

// authenticate lets nobody in but the user whose testbed it is. The folder
// keeps others out; this holds even if somebody opened it.
func authenticate(p *peer) error {
	cred, err := credentials(p.conn)
	if err != nil {
		return err
	}
	if int(cred.Uid) != os.Getuid() {
		return errors.New("it belongs to another user")
	}
	return nil
}

func (k *keeper) obey(p *peer, q *request, files []*os.File) error {
	switch {
	case q.Exec != nil && len(files) == 3:
		return k.exec(p, q.Exec, files)
	case q.Capture != nil && len(files) == 1:
		return k.record(p, q.Capture, files[0])
	case q.Set != nil:
		if err := k.set(q.Set); err != nil {
			return err
		}
		return k.answer(p, &statusRequest{})
	case q.Status != nil:
		return k.answer(p, q.Status)
	case q.Down != nil:
		k.finish(nil)
		<-k.gone
		if k.last == nil {
			return errors.New("it has ended, without its last counters: the wire's process had died")
		}
		return p.out.Encode(&reply{Status: k.last})
	}
	return errors.New("testbed: a request that this version does not know")
}

func (k *keeper) answer(p *peer, q *statusRequest) error {
	s, err := k.status(q)
	if err != nil {
		return err
	}
	return p.out.Encode(&reply{Status: s})
}

func (k *keeper) set(q *setRequest) error {
	if err := checkLinks(q.Links, k.network.links); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, link := range k.network.links {
		s, said := q.Links[link]
		if !said {
			continue
		}
		if err := k.network.set(i, &s); err != nil {
			return fmt.Errorf("link %s: %w", link, err)
		}
		k.settings[link] = s
	}
	return nil
}

// host finds one by its name.
func (k *keeper) host(name string) (*host.Host, error) {
	var names []string
	for _, h := range k.network.hosts {
		if h.Name == name {
			return h, nil
		}
		names = append(names, h.Name)
	}
	return nil, fmt.Errorf("no host %q; there are %s", name, strings.Join(names, ", "))
}

// status asks every part how it does.
func (k *keeper) status(q *statusRequest) (*Status, error) {
	stats, err := k.network.stats()
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	s := &Status{
		Name: k.config.Name, Uptime: time.Since(k.started).Seconds(), Programs: k.programs.list(),
		Directions: directions(k.network.links, k.settings, stats),
	}
	if k.capture != nil {
		c := k.capture.came()
		s.Capture = &c
	}
	k.mu.Unlock()
	for _, h := range k.network.hosts {
		one, err := k.hostStatus(h, q)
		if err != nil {
			return nil, err
		}
		s.Hosts = append(s.Hosts, *one)
	}
	return s, nil
}

func (k *keeper) hostStatus(h *host.Host, q *statusRequest) (*HostStatus, error) {
	t := k.config.Hosts[h.Name]
	s := &HostStatus{Name: h.Name, IPv4: h.IPv4, IPv6: h.IPv6, MTU: t.MTU}
	if s.MTU == 0 {
		s.MTU = host.MaxMTU
	}
	var err error
	if s.CongestionControl, err = h.CongestionControl(); err != nil {
		return nil, err
	}
	if s.Counters, err = h.Counters(); err != nil {
		return nil, err
	}
	if q.Connections {
		s.Connections, err = h.Connections()
	}
	return s, err
}
