package udpq

import (
	"errors"
	"time"

	"rawlab/framing"
)

// fail ends the conversation for everybody who waits. The first call counts.
func (c *Client) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
		close(c.over)
	}
	err = c.err
	c.stopTimers()
	c.mu.Unlock()
	c.end()
	c.closeLink(err)
	c.whole.close()
	c.path.close()
	c.inbox.Close(err)
	c.requests.Close(err)
	c.replies.Close(err)
	c.line.Load().close()
}

// byeTries is how often a bye is said when nobody answers it.
const byeTries = 3

// Close sends what waits to be packed, waits with ReliabilityAck until that is
// acknowledged or given up, or for CloseTimeout, says bye until it is answered,
// three times at most, and waits for its goroutines. What is not acknowledged
// by then is told by an [*UnacknowledgedError]. Events received but not taken
// by Next are dropped; stored ones come again.
func (c *Client) Close() error {
	var err error
	c.closing.Do(func() {
		c.inbox.Close(ErrClosed)
		err = errors.Join(c.lastWords(), c.settleLast())
		for wait, try := c.config.RetryInterval, 0; try < byeTries && !c.isOver(); try++ {
			c.say(&framing.Frame{Kind: framing.KindBye, Flags: framing.FlagOffset, Origin: c.origin, Offset: c.key})
			c.pause(wait)
			wait *= 2
		}
		c.fail(ErrClosed)
	})
	c.wait()
	return err
}

// wait waits for the goroutines of a conversation that is over.
func (c *Client) wait() {
	c.running.Wait()
	if c.link != nil {
		c.link.wait()
	}
}

// lastWords sends what was gathered, acks included.
func (c *Client) lastWords() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = true
	if c.link != nil {
		c.link.stir() // who waits to emit is refused now
	}
	if c.err != nil {
		return nil
	}
	c.acks.FinishReturned()
	c.ackFinished()
	return c.flush()
}

func (c *Client) isOver() bool {
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

// pause waits for d or the end of the conversation.
func (c *Client) pause(d time.Duration) {
	t := c.config.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
	case <-c.over:
	}
}
