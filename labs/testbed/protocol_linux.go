package testbed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// request is what a client asks; exactly one field is set.
type request struct {
	Exec    *execRequest    `json:"exec,omitempty"`
	Set     *setRequest     `json:"set,omitempty"`
	Status  *statusRequest  `json:"status,omitempty"`
	Capture *captureRequest `json:"capture,omitempty"`
	Down    *struct{}       `json:"down,omitempty"`
}

// execRequest comes with three descriptors: standard input, output, error.
type execRequest struct {
	Host        string   `json:"host"`
	Path        string   `json:"path"`
	Command     []string `json:"command"`
	Environment []string `json:"environment"`
	Folder      string   `json:"folder"`
	Terminal    bool     `json:"terminal"` // standard input becomes the controlling terminal
}

type setRequest struct {
	Links map[string]Setting `json:"links"` // the others stay as they are
}

type statusRequest struct {
	Connections bool `json:"connections"`
}

// captureRequest comes with one descriptor: the file.
type captureRequest struct {
	File string `json:"file"` // its name, for people
	Stay bool   `json:"stay"` // capture until the testbed ends, not until the client does
}

// order is what a client says later: a signal for its program, or stop.
type order struct {
	Signal int  `json:"signal,omitempty"`
	Stop   bool `json:"stop,omitempty"`
}

// reply is the keeper's answer. A program's has two: when it started and when
// it ended.
type reply struct {
	Error   string   `json:"error,omitempty"`
	Started bool     `json:"started,omitempty"`
	Ended   bool     `json:"ended,omitempty"`
	Code    int      `json:"code,omitempty"`
	Status  *Status  `json:"status,omitempty"`
	Capture *Capture `json:"capture,omitempty"`
}

func (r *reply) err() error {
	if r.Error == "" {
		return nil
	}
	return errors.New(r.Error)
}

// peer is one end of a conversation between a client and the keeper.
type peer struct {
	conn *net.UnixConn
	in   *json.Decoder
	out  *json.Encoder
}

func newPeer(c *net.UnixConn) *peer {
	return &peer{conn: c, in: json.NewDecoder(c), out: json.NewEncoder(c)}
}

// sendFiles sends the byte that opens a request, with descriptors.
func (p *peer) sendFiles(files ...*os.File) error {
	var fds []int
	for _, f := range files {
		fds = append(fds, int(f.Fd()))
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, _, err := p.conn.WriteMsgUnix([]byte{0}, rights, nil)
	return err
}

// maxFiles is the most descriptors that a request comes with.
const maxFiles = 3

// receiveFiles is the other side of sendFiles.
func (p *peer) receiveFiles() ([]*os.File, error) {
	rights := make([]byte, unix.CmsgSpace(maxFiles*4))
	n, rightsBytes, flags, _, err := p.conn.ReadMsgUnix(make([]byte, 1), rights)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, io.EOF
	}
	if flags&unix.MSG_CTRUNC != 0 {
		return nil, errors.New("testbed: more descriptors than a request may bring")
	}
	messages, err := unix.ParseSocketControlMessage(rights[:rightsBytes])
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, err
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files, nil
}

// credentials of the other end (SO_PEERCRED, unix(7)): for a client, of the
// process that listens.
func credentials(c *net.UnixConn) (*syscall.Ucred, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *syscall.Ucred
	var asked error
	if err := raw.Control(func(fd uintptr) {
		cred, asked = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return nil, err
	}
	if asked != nil {
		return nil, fmt.Errorf("SO_PEERCRED: %w", asked)
	}
	return cred, nil
}
