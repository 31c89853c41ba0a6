package command

import (
	"fmt"

	"github.com/spf13/pflag"

	"rawlab/udpq"
	"rawlab/udpq/dtls"
)

// packValue is how large datagrams are that events share: bytes, 0 for one
// event each, or as the path takes.
type packValue int

const packAuto = "auto"

func (f *packValue) register(s *pflag.FlagSet, what string) {
	s.Var(f, "udp-pack", what+" of so many `bytes`, 1452 fits any Ethernet, or auto for what the path takes (default one event each)")
}

func (f *packValue) String() string {
	if *f == udpq.PackAuto {
		return packAuto
	}
	return (*bytesValue)(f).String()
}

func (*packValue) Type() string { return "bytes" }

func (f *packValue) Set(s string) error {
	if s == packAuto {
		*f = udpq.PackAuto
		return nil
	}
	var bytes bytesValue
	if err := bytes.Set(s); err != nil || bytes > udpq.MaxDatagram {
		return fmt.Errorf("want a number of bytes up to %d, such as 1452, or auto", udpq.MaxDatagram)
	}
	*f = packValue(bytes)
	return nil
}

// checkDTLS refuses datagrams that no record of DTLS could carry.
func (f *packValue) checkDTLS() error {
	if *f > dtls.MaxDatagram {
		return usagef("--udp-pack %d: with DTLS at most %d, and %d fits any Ethernet", int(*f), dtls.MaxDatagram, dtls.Budget)
	}
	return nil
}
