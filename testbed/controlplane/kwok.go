package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/apis/v1alpha1"
	"sigs.k8s.io/kwok/pkg/client/clientset/versioned"
	"sigs.k8s.io/kwok/pkg/kwok/controllers"
	kwokclient "sigs.k8s.io/kwok/pkg/utils/client"
	"sigs.k8s.io/yaml"
)

//go:embed stages.yaml
var stagesYAML []byte

// runKwok simulates the kubelets. It is kwok's controller without kwok's command, whose debugging server needs newer
// Kubernetes modules than the control plane's.
func runKwok(args []string) error {
	if len(args) != 2 || args[0] != "--kubeconfig" {
		return errors.New("usage: controlplane kwok --kubeconfig FILE")
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	config, err := kwokConfig(args[1])
	if err != nil {
		return err
	}
	controller, err := controllers.NewController(*config)
	if err != nil {
		return err
	}
	if err := controller.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func kwokConfig(kubeconfig string) (*controllers.Config, error) {
	stages, err := parseStages()
	if err != nil {
		return nil, err
	}
	clients, err := kwokclient.NewClientset("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config := &controllers.Config{
		Clock:                      clock.RealClock{},
		ImpersonatingDynamicClient: clients.ToImpersonatingDynamicClient(),
		ImpersonatingTypedClient:   clients.ToImpersonatingTypedClient(),
		ManageAllNodes:             true,
		CIDR:                       "10.0.0.1/16",
		NodeIP:                     "192.0.2.2",
		LocalStages:                stages,
		PodPlayStageParallelism:    8,
		NodePlayStageParallelism:   1,
		NodeLeaseDurationSeconds:   40,
		NodeLeaseParallelism:       1,
		PodsOnNodeSyncParallelism:  1,
		ID:                         fmt.Sprintf("bed-%d", os.Getpid()),
	}
	restConfig, err := clients.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	var errs [5]error
	config.DynamicClient, errs[0] = clients.ToDynamicClient()
	config.RESTMapper, errs[1] = clients.ToRESTMapper()
	config.RESTClient, errs[2] = rest.RESTClientFor(restConfig)
	config.TypedClient, errs[3] = kubernetes.NewForConfig(restConfig)
	config.TypedKwokClient, errs[4] = versioned.NewForConfig(restConfig)
	return config, errors.Join(errs[:]...)
}

func parseStages() (map[internalversion.StageResourceRef][]*internalversion.Stage, error) {
	stages := map[internalversion.StageResourceRef][]*internalversion.Stage{}
	for _, document := range bytes.Split(stagesYAML, []byte("\n---\n")) {
		var stage v1alpha1.Stage
		if err := yaml.UnmarshalStrict(document, &stage); err != nil {
			return nil, fmt.Errorf("stages.yaml: %w", err)
		}
		internal, err := internalversion.ConvertToInternalStage(&stage)
		if err != nil {
			return nil, fmt.Errorf("stage %s: %w", stage.Name, err)
		}
		stages[internal.Spec.ResourceRef] = append(stages[internal.Spec.ResourceRef], internal)
	}
	return stages, nil
}
