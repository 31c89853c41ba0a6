package testbed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const socketSuffix = ".sock"

// folderPath is where this user's testbeds have their sockets.
func folderPath() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() && owned(info) {
			return filepath.Join(dir, "rawlab")
		}
	}
	return filepath.Join("/tmp", "rawlab-"+strconv.Itoa(os.Getuid()))
}

func owned(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Getuid()
}

// openFolder makes the folder if it is not there. Another user must not be
// able to put a socket of theirs into it, so it is used only if it is a real
// folder, this user's, and closed to everybody else.
func openFolder() (string, error) {
	path := folderPath()
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("folder for sockets: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("folder for sockets: %w", err)
	}
	wrong := ""
	switch {
	case !info.IsDir():
		wrong = "is no folder"
	case !owned(info):
		wrong = "is another user's"
	case info.Mode().Perm()&0o077 != 0:
		wrong = fmt.Sprintf("has mode %#o", info.Mode().Perm())
	default:
		return path, nil
	}
	return "", fmt.Errorf("%s %s: it must be a folder of yours that nobody else may enter (mode 0700); "+
		"set XDG_RUNTIME_DIR to such a folder to use another place", path, wrong)
}

// socketPath returns the testbed's socket; sun_path holds 108 bytes (unix(7)).
func socketPath(name string) (string, error) {
	dir, err := openFolder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name+socketSuffix)
	if len(path) > 107 {
		return "", fmt.Errorf("%s: too long for a socket's name, which has at most 107 bytes", path)
	}
	return path, nil
}

// lockFolder keeps a second 'up' out while one is at work. The lock goes with
// the process, so that none is ever left behind.
func lockFolder() (unlock func(), err error) {
	dir, err := openFolder()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), f.Close())
	}
	return func() { f.Close() }, nil
}

// Names lists this user's testbeds, those whose processes died included.
func Names() ([]string, error) {
	dir, err := openFolder()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), socketSuffix); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
