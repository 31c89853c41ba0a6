package labs

import (
	"fmt"
	"slices"

	"rawlab/labs/host"
)

// CongestionControls are those of TCP that hosts of this machine have, kernel
// or virtual.
func CongestionControls() []string {
	list := append(congestionControls(), host.VirtualCongestionControl)
	slices.Sort(list)
	return slices.Compact(list)
}

// refuseControl says that virtual hosts do not have the one asked for.
func (g *group) refuseControl() error {
	if name := g.options.TCPCongestion; g.options.backend() == BackendVirtual && name != "" && name != host.VirtualCongestionControl {
		return &OptionError{fmt.Errorf("--cc %s: virtual hosts have none but %s; use --backend kernel", name, host.VirtualCongestionControl)}
	}
	return nil
}
