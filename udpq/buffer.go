package udpq

import "fmt"

// growReceiveBuffer asks for a receive buffer. An administrator gets it; to
// others the system grants what it grants everybody.
func growReceiveBuffer(conn any, bytes int) error {
	b, ok := conn.(interface{ SetReadBuffer(bytes int) error })
	if !ok || bytes < 0 || forceReceiveBuffer(conn, bytes) {
		return nil
	}
	return b.SetReadBuffer(bytes)
}

// checkReceiveBuffer warns when the system has granted less than was asked for.
func (s *Server) checkReceiveBuffer(conn any) {
	asked := s.config.ReceiveBuffer
	if granted, known := grantedBuffer(conn); known && granted < asked {
		s.log.Warn("the receive buffer is smaller than was asked for: bursts may be lost",
			"asked", asked, "granted", granted, "raise", fmt.Sprintf("sysctl -w net.core.rmem_max=%d", asked))
	}
}
