package host

import (
	"errors"
	"fmt"
	"os"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Firewall reports whether the host has any rules of nftables, or of iptables
// before it.
func (h *Host) Firewall() (has bool, err error) {
	err = h.Do(func() error {
		tables, err := nftTables()
		has = tables > 0 || len(words("/proc/thread-self/net/ip_tables_names")) > 0 || len(words("/proc/thread-self/net/ip6_tables_names")) > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("host %s: firewall: %w", h.Name, err)
	}
	return has, nil
}

// nftTables counts the tables of the thread's namespace; a kernel without
// nftables has none.
func nftTables() (int, error) {
	r := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETTABLE, unix.NLM_F_DUMP)
	r.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC, Version: nl.NFNETLINK_V0})
	tables, err := r.Execute(unix.NETLINK_NETFILTER, unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWTABLE)
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	return len(tables), err
}
