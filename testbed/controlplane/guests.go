package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// killGuests ends the clients that tests have started on this bed and not waited for, such as a Helm in the middle of
// an upgrade: with the API server gone they would retry for minutes. They carry the bed's folder in their environment.
func killGuests(dir string) {
	mark := []byte("REFLOAT_BED_DIR=" + dir)
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		environment, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, variable := range bytes.Split(environment, []byte{0}) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if bytes.Equal(variable, mark) && err == nil && pid != os.Getpid() {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}
