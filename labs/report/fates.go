package report

import "rawlab/capture/account"

// FateReasons tell each fate in words that need no explanation.
var FateReasons = map[account.Fate]string{
	account.SendRefused:    "Refused by the emitter's own kernel",
	account.WireLoss:       "Lost on the wire",
	account.HostQueue:      "Dropped inside a host, before or behind the wire",
	account.WireQueue:      "Dropped by the queue before the wire's rate",
	account.WireCorrupt:    "Dropped because a flipped bit failed a checksum",
	account.FragmentLost:   "Useless because one fragment was missing",
	account.NoSocket:       "Arrived where nobody was listening",
	account.ReceiveBuffer:  "Dropped because the receiving socket's buffer was full",
	account.Checksum:       "Dropped because a checksum did not match",
	account.Filtered:       "Dropped by a firewall",
	account.FrameInvalid:   "Unreadable for the server",
	account.Unauthorized:   "Not allowed by the server",
	account.ServerQueue:    "Dropped because a queue in the server was full",
	account.Offline:        "Let go because nobody listened",
	account.Expired:        "Kept, but past its time when the subscriber came",
	account.ConnectionLost: "Lost with its connection",
	account.Unexplained:    "Lost, and nobody can say where",
}
