// Controlplane is one binary for a whole cluster. The first argument names the component to be (etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler, kwok), or `up`, the supervisor that starts one of each.
package main

import (
	"fmt"
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: controlplane up --dir DIR | COMPONENT [flags]"))
	}
	// Every component parses os.Args itself and takes its first element for its own name.
	os.Args = os.Args[1:]
	switch name := os.Args[0]; name {
	case "up":
		fail(up(os.Args[1:]))
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	case "kwok":
		fail(runKwok(os.Args[1:]))
	default:
		fail(fmt.Errorf("no component is called %q", name))
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
}
