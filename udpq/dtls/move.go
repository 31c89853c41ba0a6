package dtls

import (
	"crypto/rand"
	"net"
	"net/netip"
	"slices"
)

// A connectionID names an association in the records of its client (RFC 9146),
// whatever address they come from.
type connectionID [IDBytes]byte

// IDBytes is the length of the connection IDs that servers give their clients:
// enough that no two associations get the same by chance, nor does anybody
// guess one.
const IDBytes = 8

func drawID() (id connectionID) {
	rand.Read(id[:]) // it never fails
	return id
}

// placeID is where a record has its ID: behind type, version, epoch and number.
const placeID = 11

func idOf(b []byte) connectionID { return connectionID(b[placeID:]) }

// IDOf returns the connection ID that anybody reads in a datagram of a client
// of such a server (RFC 9146 section 4); false if there is none.
func IDOf(datagram []byte) (id [IDBytes]byte, ok bool) {
	kind, _ := identify(datagram)
	if kind != named && kind != namedAlert {
		return id, false
	}
	return idOf(datagram), true
}

// maxPlaces bounds the addresses that an association is known by: the one that
// its client had is written to until whoever writes knows better.
const maxPlaces = 4

// place is where the client is. The socket's mu is held.
func (a *association) place() netip.AddrPort { return a.places[len(a.places)-1] }

// follow returns where the client is, by its latest record (RFC 9146 section
// 6). The socket writes to where it is told to: whether somebody receives
// there is for the session inside to find out, before it sends much.
func (a *association) follow() net.Addr {
	addr := a.conn.RemoteAddr()
	at := addrPort(addr)
	s := a.socket
	s.mu.Lock()
	defer s.mu.Unlock()
	if at == a.place() {
		return addr
	}
	s.moved.Add(1)
	if i := slices.Index(a.places, at); i >= 0 {
		a.places = slices.Delete(a.places, i, i+1)
	}
	if len(a.places) == maxPlaces {
		if s.stand[a.places[0]] == a {
			delete(s.stand, a.places[0])
		}
		a.places = slices.Delete(a.places, 0, 1)
	}
	a.places = append(a.places, at)
	if _, member := s.members[a]; member {
		s.stand[at] = a
	}
	return addr
}

// write sends a datagram to one of the client's places.
func (a *association) write(b []byte, to net.Addr) (int, error) {
	a.writing.Lock()
	defer a.writing.Unlock()
	a.to.Store(&to)
	return a.conn.Write(b)
}
