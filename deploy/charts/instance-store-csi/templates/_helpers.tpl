{{/* Labels of every object. */}}
{{- define "labels" -}}
app.kubernetes.io/name: instance-store-csi
{{- end }}

{{/* The driver's own image. */}}
{{- define "image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The image of a sidecar with the version that sidecars/kustomization.yaml pins: (list . "csi-resizer"). */}}
{{- define "sidecar" -}}
{{- $wanted := printf "registry.k8s.io/sig-storage/%s" (index . 1) -}}
{{- range ((index . 0).Files.Get "sidecars.yaml" | fromYaml).images -}}
{{- if eq .name $wanted }}{{ .name }}:{{ .newTag }}{{ end -}}
{{- end -}}
{{- end }}

{{/* The name of what a group of nodes has. */}}
{{- define "node-name" -}}
instance-store-csi-node{{ with .name }}-{{ . }}{{ end }}
{{- end }}

{{/* What the pods of a group of nodes are selected by. */}}
{{- define "node-labels" -}}
app.kubernetes.io/name: instance-store-csi
app.kubernetes.io/component: node
{{- with .name }}
instance-store.csi.dev/node-group: {{ . }}
{{- end }}
{{- end }}

{{/* What a container that needs no rights gets. */}}
{{- define "unprivileged" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* An environment variable from the pod's own fields: (list "POD_IP" "status.podIP"). */}}
{{- define "env-field" -}}
- name: {{ index . 0 }}
  valueFrom: { fieldRef: { fieldPath: {{ index . 1 }} } }
{{- end }}
