package account

// Fate is where an event was lost, and so why. The empty fate is an event
// that was delivered.
type Fate string

// The fates of a lost event, in the order of its way.
const (
	SendRefused    Fate = "send-refused"    // the kernel did not take it from the emitter
	HostQueue      Fate = "host-queue"      // between a host's socket and the wire, or the wire and the host
	WireLoss       Fate = "wire-loss"       // the wire lost it
	WireQueue      Fate = "wire-queue"      // the queue before the wire's rate was full
	WireCorrupt    Fate = "wire-corrupt"    // the wire flipped a bit and a checksum caught it
	FragmentLost   Fate = "fragment-lost"   // one fragment, of IP or of our own, was missing, so the rest was useless
	NoSocket       Fate = "no-socket"       // nobody was listening
	ReceiveBuffer  Fate = "receive-buffer"  // the socket's buffer was full
	Checksum       Fate = "checksum"        // a checksum did not match, and the wire is not to blame
	Filtered       Fate = "filtered"        // a firewall dropped it
	FrameInvalid   Fate = "frame-invalid"   // the application could not read it
	Unauthorized   Fate = "unauthorized"    // the server did not allow it
	ServerQueue    Fate = "server-queue"    // a bounded queue in the server was full
	Offline        Fate = "offline"         // nobody was subscribed and the topic does not store
	Expired        Fate = "expired"         // stored, and past its retention when the client returned
	ConnectionLost Fate = "connection-lost" // the connection ended before it was delivered
	Unexplained    Fate = "unexplained"     // none of the above can be shown
)

// Fates lists all fates in the order of an event's way.
var Fates = []Fate{
	SendRefused, HostQueue, WireLoss, WireQueue, WireCorrupt, FragmentLost, NoSocket, ReceiveBuffer, Checksum,
	Filtered, FrameInvalid, Unauthorized, ServerQueue, Offline, Expired, ConnectionLost, Unexplained,
}
