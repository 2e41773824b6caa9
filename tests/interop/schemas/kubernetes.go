package main

import (
	"errors"
	"fmt"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	decoder "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Builds a folder as `kubectl kustomize` does, and reads each object as the API server does under
// `fieldValidation: Strict`.
func kustomize(folder string) ([]any, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	strict, err := strictDecoder()
	if err != nil {
		return nil, err
	}
	var objects []any
	var wrong []error
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			return nil, err
		}
		object, _, err := strict.Decode(text, nil, nil)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s %s: %w", resource.GetKind(), resource.GetName(), err))
		}
		objects = append(objects, object)
	}
	return objects, errors.Join(wrong...)
}

func strictDecoder() (runtime.Decoder, error) {
	scheme := runtime.NewScheme()
	adders := runtime.NewSchemeBuilder(
		apps.AddToScheme, core.AddToScheme, networking.AddToScheme, policy.AddToScheme, monitoring.AddToScheme,
	)
	if err := adders.AddToScheme(scheme); err != nil {
		return nil, err
	}
	options := decoder.SerializerOptions{Yaml: true, Strict: true}
	return decoder.NewSerializerWithOptions(decoder.DefaultMetaFactory, scheme, scheme, options), nil
}
