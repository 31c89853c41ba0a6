package udpq

import (
	"rawlab/framing"
	"rawlab/udpq/fragment"
)

// transmitBare gives datagrams to the kernel, once.
func (c *Client) transmitBare(t *train) error { return c.transmitAll(t, c.notSentOnce) }

// notSentOnce is notSent for an event in pieces, too, of which each may be
// refused. The caller holds the link's mu.
func (c *Client) notSentOnce(frames []byte) {
	f, _, err := framing.Parse(frames, len(frames))
	if err == nil && f.Kind == framing.KindFragment {
		id := fragment.ID{Origin: f.Origin, Sequence: f.Sequence}
		if id == c.cutRefused {
			return
		}
		c.cutRefused = id
	}
	c.notSent(frames)
}

// closeLink ends the link. What a pace has kept back was not sent; on a rung,
// it is open.
func (c *Client) closeLink(err error) {
	if c.link == nil {
		return
	}
	unsent := c.link.close(err)
	for _, b := range unsent {
		if c.link.bare() {
			c.notSentOnce(b)
		}
	}
}
