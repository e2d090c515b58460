package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	storageClass = "bed"
	provisioner  = "bed.refloat.dev"
)

// furnish creates what a usable cluster has beyond its control plane: a node, and a storage class.
func furnish(ctx context.Context, client kubernetes.Interface) error {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName, Labels: map[string]string{
		"kubernetes.io/hostname":           nodeName,
		"kubernetes.io/os":                 "linux",
		"kubernetes.io/arch":               "amd64",
		"topology.kubernetes.io/region":    "bed",
		"topology.kubernetes.io/zone":      "bed-a",
		"node.kubernetes.io/instance-type": "simulated",
	}}}
	created, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("256"),
		corev1.ResourceMemory:           resource.MustParse("1Ti"),
		corev1.ResourceEphemeralStorage: resource.MustParse("10Ti"),
		corev1.ResourcePods:             resource.MustParse("20000"),
	}
	created.Status.Capacity, created.Status.Allocatable = capacity, capacity
	if _, err := client.CoreV1().Nodes().UpdateStatus(ctx, created, metav1.UpdateOptions{}); err != nil {
		return err
	}
	_, err = client.StorageV1().StorageClasses().Create(ctx, &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        storageClass,
			Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner: provisioner,
	}, metav1.CreateOptions{})
	return err
}

// furnished tells whether the node takes pods (the node controller has lifted its taint) and service accounts appear.
func furnished(ctx context.Context, client kubernetes.Interface) bool {
	node, err := client.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
	if err != nil || len(node.Spec.Taints) != 0 {
		return false
	}
	ready := false
	for _, condition := range node.Status.Conditions {
		ready = ready || condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue
	}
	if !ready {
		return false
	}
	_, err = client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
	return err == nil
}

// provision gives claims of the bed's own class a volume, and takes volumes away that nobody claims any more. Binding
// them is the real controller's work; a claim of another class stays pending.
func provision(ctx context.Context, client kubernetes.Interface) {
	for ctx.Err() == nil {
		watch, err := client.CoreV1().PersistentVolumeClaims("").Watch(ctx, metav1.ListOptions{})
		if err == nil {
			for event := range watch.ResultChan() {
				if claim, ok := event.Object.(*corev1.PersistentVolumeClaim); ok {
					provisionOne(ctx, client, claim)
				}
				if event.Type == "DELETED" {
					// The volume is released a moment later, by the controller.
					time.AfterFunc(time.Second, func() { reclaim(ctx, client) })
				}
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func provisionOne(ctx context.Context, client kubernetes.Interface, claim *corev1.PersistentVolumeClaim) {
	class := claim.Spec.StorageClassName
	if claim.Status.Phase == corev1.ClaimBound || claim.DeletionTimestamp != nil || class == nil || *class != storageClass {
		return
	}
	_, err := client.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "pvc-" + string(claim.UID),
			Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": provisioner},
		},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName:              storageClass,
			Capacity:                      claim.Spec.Resources.Requests,
			AccessModes:                   claim.Spec.AccessModes,
			VolumeMode:                    claim.Spec.VolumeMode,
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: "/var/lib/bed/" + string(claim.UID)},
			},
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
		},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) && ctx.Err() == nil {
		println("provision:", err.Error())
	}
}

func reclaim(ctx context.Context, client kubernetes.Interface) {
	volumes, err := client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return
	}
	for _, volume := range volumes.Items {
		if volume.Status.Phase == corev1.VolumeReleased && volume.Spec.StorageClassName == storageClass {
			_ = client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{})
		}
	}
}
