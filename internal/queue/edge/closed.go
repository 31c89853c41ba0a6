package edge

import (
	"errors"
	"fmt"

	"rawlab/framing"
)

// ErrClosed means that the client was closed by its own application.
var ErrClosed = errors.New("client is closed")

// ClosedError says that the server ended the conversation, and why.
type ClosedError struct {
	Code  framing.Code
	Words string
}

func (e *ClosedError) Error() string {
	switch {
	case e.Code == framing.CodeShutdown:
		return "the server is shutting down"
	case e.Words == "":
		return fmt.Sprintf("the server ended the conversation (%v)", e.Code)
	}
	return fmt.Sprintf("the server ended the conversation: %s (%v)", e.Words, e.Code)
}

// RefusedError says that the server refused one request, and why.
type RefusedError struct {
	Code  framing.Code
	Words string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the server refused: %s (%v)", e.Words, e.Code)
}

// UnacceptedError says how many emitted events the server did not accept.
type UnacceptedError struct {
	Events uint64
	Code   framing.Code
}

func (e *UnacceptedError) Error() string {
	return fmt.Sprintf("the server did not accept %d events (%v)", e.Events, e.Code)
}

// ErrNoRequest means that an event is no request, so nobody waits for a reply.
var ErrNoRequest = errors.New("the event is no request")
